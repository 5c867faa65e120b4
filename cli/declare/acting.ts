import { Argument } from 'commander'
import type { LogLevel } from '../../index.ts'
import { LEVELS } from '../levels.ts'
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
  const ending = (name: 'cancel' | 'kill', description: string, examples: readonly string[]): void => {
    declaration
      .ofMesh(name, description, examples)
      .argument('<actor>', 'its name, its id, or the end of its id')
      .option('-r, --reason <words>', 'why: it is told to the actor and to the mesh')
      .option('--timeout <time>', 'how long its end is waited for; default 15s', readTimeout)
      .action(
        act(async (actor: string, options) => await (await import('../commands/end.ts')).end(name, actor, options)),
      )
  }
  ending('cancel', 'asks an actor to end: what runs in it and below it is cancelled and cleans up', [
    'greenroom cancel worker-3',
    "greenroom cancel GBRWcoNn --reason 'a new version is out'",
  ])
  ending('kill', 'ends an actor by SIGKILL: its parent restarts it, or fails, as it would for any death', [
    'greenroom kill worker-3',
  ])
  declaration
    .ofMesh('level', 'changes from which level on actors write log lines, all or some with what is below them', [
      'greenroom level debug gretchen --for 5m',
      'greenroom level warn',
    ])
    .addArgument(new Argument('<level>', 'from the most to the least talkative').choices(LEVELS))
    .argument('[actor...]', 'names, ids, or ends of ids; default all')
    .option('--for <time>', 'the level of before is in force again then, at most 1d', readTimeout)
    .action(
      act(
        async (level: LogLevel, actors: string[], options) =>
          await (await import('../commands/logs.ts')).setLevel(level, actors, options),
      ),
    )
  declaration
    .ofMesh('bench', "measures calls and streams between two hosts' peers, or from here to one", [
      'greenroom bench',
      'greenroom bench berlin paris --for 5s --json',
    ])
    .argument('[peer...]', "from one to another, both run by 'greenroom up'; one alone is measured from here")
    .option('--for <time>', 'how long each of the four measures lasts, at most 30s; default 1s', readTimeout)
    .action(act(async (peers: string[], options) => await (await import('../commands/bench.ts')).bench(peers, options)))
}
