import { readCount, readTimeout } from '../read-option.ts'
import type { Declaration } from './declaration.ts'

/** Subcommands that do something in a mesh. */
export function declareActing(declaration: Declaration): void {
  const { act } = declaration
  const calling = (name: string, description: string, examples: readonly string[]) =>
    declaration
      .ofMesh(name, description, examples)
      .argument('<actor>', 'its name, its id, or the end of its id')
      .argument('<function>', "as in stage#sing: 'greenroom describe' lists them")
      .argument('[json...]', 'its arguments, each as JSON; - reads one from the standard input')
      .option('--timeout <time>', 'how long it may take, such as 500ms or 5s; default no limit', readTimeout)
      .option('--stack', "shows the other actor's stack of an error, if it tells it")
  calling('call', 'calls a function of an actor and prints what it gives', [
    'greenroom call gretchen film#hi',
    `greenroom call adder sums#add 1 2 --json`,
    `greenroom call printer paper#print '"hello"' '{"copies": 2}'`,
  ]).action(
    act(
      async (actor: string, fn: string, args: string[], options) =>
        await (await import('../commands/call.ts')).call(actor, fn, args, options),
    ),
  )
  calling('stream', 'prints each item of a stream on a line; Ctrl-C cancels it in the actor', [
    'greenroom stream ticker market#prices',
    'greenroom stream counter numbers#count 100 --json --first 10',
  ])
    .option('-n, --first <number>', 'leaves after so many items', readCount)
    .action(
      act(
        async (actor: string, fn: string, args: string[], options) =>
          await (await import('../commands/call.ts')).stream(actor, fn, args, options),
      ),
    )
  declaration
    .ofMesh('run', 'runs a program in the mesh, and ends with its exit code', [
      'greenroom run worker.ts',
      'greenroom run --mesh studio worker.ts -- --verbose',
    ])
    .argument('<file>', 'one that calls run() or joinMesh(); these need to name no mesh then')
    .argument('[args...]', 'of the program')
    .passThroughOptions()
    .action(
      act(
        async (file: string, args: string[], options) =>
          await (await import('../commands/run.ts')).runProgram(file, args, options),
      ),
    )
}
