import type { Command } from 'commander'

/** Gives the exit code, 0 when it gives none. */
type Perform<A extends unknown[]> = (...args: A) => Promise<number | void>

/** Lets a subcommand act: keeps its exit code. */
export type Act = <A extends unknown[]>(perform: Perform<A>) => (...args: A) => Promise<void>

/** Declares subcommands that are alike in help and options; what they do is imported when one is run. */
export class Declaration {
  readonly act: Act
  readonly #program: Command
  readonly #group: string

  constructor(program: Command, group: string, act: Act) {
    this.act = act
    this.#program = program
    this.#group = group
  }

  /** Another one, which can answer in JSON, and whose help ends with examples. */
  sub(usage: string, description: string, examples: readonly string[]): Command {
    return this.plain(usage, description, examples).option('--json', 'as JSON, also of an error')
  }

  /** One that has nothing to say in JSON. */
  plain(usage: string, description: string, examples: readonly string[]): Command {
    return withExamples(this.#program.command(usage).description(description).helpGroup(this.#group), examples)
  }

  /** One that concerns a mesh. */
  ofMesh(usage: string, description: string, examples: readonly string[]): Command {
    return withMesh(this.sub(usage, description, examples))
  }

  /** One that concerns a mesh and shows it on a screen, not in JSON. */
  screenOf(usage: string, description: string, examples: readonly string[]): Command {
    return withMesh(this.plain(usage, description, examples))
  }
}

function withMesh(command: Command): Command {
  return command
    .option('-m, --mesh <name>', 'which mesh; default GREENROOM_MESH, else that of the context in use')
    .option('-c, --context <name>', "the mesh of a context: see 'greenroom context'")
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
}
