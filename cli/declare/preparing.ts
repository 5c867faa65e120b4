import { Argument } from 'commander'
import { type Declaration, withExamples } from './declaration.ts'

/** Subcommands that concern this user's shell and settings. */
export function declarePreparing(declaration: Declaration): void {
  const { act } = declaration
  const context = declaration.plain('context', 'the meshes that you look at, each under a name', [
    'greenroom context add work greenroom:AbCd… --use',
    'greenroom context list',
    'greenroom members --context home',
  ])
  const sub = (usage: string, description: string, ...examples: string[]) =>
    withExamples(
      context.command(usage).description(description).option('--json', 'as JSON, also of an error'),
      examples,
    )
  sub('list', 'all of them; * marks the one in use', 'greenroom context list --json').action(
    act(async (options) => await (await import('../commands/context.ts')).listContexts(options)),
  )
  sub('use', 'its mesh is meant from now on when none is given', 'greenroom context use work')
    .argument('<name>', 'of a context')
    .action(
      act(async (name: string, options) => await (await import('../commands/context.ts')).useContext(name, options)),
    )
  sub(
    'add',
    'gives a name to a mesh, or to that of an invitation, which is joined',
    'greenroom context add home default',
    'greenroom context add work - --use < invitation',
  )
    .argument('<name>', 'of the context')
    .argument('<mesh>', 'the name of a mesh, or an invitation; - reads it from the standard input')
    .option('--use', 'puts it in use')
    .action(
      act(
        async (name: string, mesh: string, options) =>
          await (await import('../commands/context.ts')).addContext(name, mesh, options),
      ),
    )
  sub('remove', "forgets the name; 'greenroom leave' forgets the mesh", 'greenroom context remove work')
    .argument('<name>', 'of a context')
    .action(
      act(async (name: string, options) => await (await import('../commands/context.ts')).removeContext(name, options)),
    )
  sub('file', 'where they are kept', 'cat "$(greenroom context file)"').action(
    act(async (options) => await (await import('../commands/context.ts')).showContextFile(options)),
  )
  declaration
    .plain(
      'completion',
      'prints the script by which a shell completes subcommands, options, and names of meshes and actors',
      [
        'source <(greenroom completion bash)',
        'greenroom completion zsh > ~/.zfunc/_greenroom',
        'greenroom completion fish > ~/.config/fish/completions/greenroom.fish',
      ],
    )
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .action(act(async (shell: string) => (await import('../commands/completion.ts')).printCompletion(shell)))
}
