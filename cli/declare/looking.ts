import { Option } from 'commander'
import { LEVELS } from '../levels.ts'
import { readConditions, readCount, readPort, readRecent, readTimeout } from '../read-option.ts'
import { TOP_ORDERS } from '../top-orders.ts'
import type { Declaration } from './declaration.ts'

const TIMEOUT = ['--timeout <time>', 'how long answers are waited for, such as 500ms or 5s', readTimeout] as const

/** Subcommands that show what a mesh is and does. */
export function declareLooking(declaration: Declaration): void {
  const { act } = declaration
  const look = declaration.ofMesh.bind(declaration)
  look('members', 'the roots of a mesh and how they are; * marks the arbiter', [
    'greenroom members',
    'greenroom members --json | jq -r \'.[] | select(.health != "up") | .name\'',
  ])
    .option(...TIMEOUT)
    .action(act(async (options) => await (await import('../commands/members.ts')).members(options)))
  look('actors', 'the live actors as a tree; * marks the arbiter', [
    'greenroom actors',
    'greenroom actors --mesh studio --where tag=gpu,version=1.2.0',
    "greenroom actors --where 'name=worker-*' --json",
  ])
    .option(
      '-w, --where <conditions>',
      'those of which all holds: tag=, group=, module=, version=, name= (* for any letters), root=, status=',
      readConditions,
    )
    .action(act(async (options) => await (await import('../commands/actors.ts')).actors(options)))
  look('tree', 'who supervises whom, what runs and waits in it, how often it was restarted and why the last time', [
    'greenroom tree',
    'greenroom tree theatre --json',
  ])
    .argument('[actor]', 'the top of the tree; default every root')
    .option(...TIMEOUT)
    .action(
      act(
        async (actor: string | undefined, options) => await (await import('../commands/tree.ts')).tree(actor, options),
      ),
    )
  look('top', 'the busiest actors: calls, failures, latencies, bytes, processor, memory, event loop', [
    'greenroom top',
    'greenroom top --sort cpu --limit 5 --follow',
    "greenroom top --json | jq '.[0].name'",
  ])
    .addOption(new Option('-s, --sort <order>', 'what the busiest are busy with').choices(TOP_ORDERS).default('calls'))
    .option('-n, --limit <number>', 'actors that are shown; default 20', readCount)
    .option('-i, --interval <time>', 'how long they are watched first; default 1s', readTimeout)
    .option('-f, --follow', 'shows them again and again')
    .action(act(async (options) => await (await import('../commands/top.ts')).top(options)))
  look('logs', 'lines of the logs of all actors, or of some', [
    'greenroom logs',
    'greenroom logs gretchen --follow --level debug',
    'greenroom logs --json --recent 1000 | jq \'select(.level == "error")\'',
  ])
    .argument('[actor...]', 'names, also of such as start later, ids, or ends of ids')
    .option('-f, --follow', 'goes on with lines that are written from now on, until Ctrl-C')
    .addOption(
      new Option(
        '-l, --level <level>',
        "from which level on, of the lines that are written: see 'greenroom level'",
      ).choices(LEVELS),
    )
    .option('-n, --recent <number>', 'lines of before, at most 1000; default 100', readRecent)
    .action(act(async (actors: string[], options) => await (await import('../commands/logs.ts')).logs(actors, options)))
  look('events', 'what happens in the mesh, with its causes: joins, deaths, elections, restarts, acts', [
    'greenroom events',
    'greenroom events --follow',
    'greenroom events theatre --follow --type restarting ended --json',
  ])
    .argument('[actor...]', 'in which actors: names, ids, or ends of ids')
    .option('-f, --follow', 'goes on with what happens from now on, until Ctrl-C')
    .option('-n, --recent <number>', 'of before, at most 1000; default 50', readRecent)
    .option('-t, --type <type...>', 'such as up, down, arbiter, suspected, spawned, restarting, ended, act')
    .option(...TIMEOUT)
    .action(
      act(async (actors: string[], options) => await (await import('../commands/events.ts')).events(actors, options)),
    )
  declaration
    .screenOf('watch', 'the whole mesh on a screen that moves, with keys to look closer and to act', [
      'greenroom watch --demo',
      'greenroom watch --mesh studio --interval 5s',
    ])
    .option('-i, --interval <time>', 'from one look at the mesh to the next; default 1s, at least 250ms', readTimeout)
    .option('--demo', 'shows a lively mesh in this process, so that none is needed')
    .action(act(async (options) => await (await import('../commands/watch.ts')).watch(options)))
  look('arbiter', 'who rules a mesh, and who elects it', ['greenroom arbiter', 'greenroom arbiter --json']).action(
    act(async (options) => await (await import('../commands/arbiter.ts')).arbiter(options)),
  )
  look('describe', 'one actor: what it serves, how much it is called, how fast it answers', [
    'greenroom describe gretchen',
    'greenroom describe GBRWcoNn --json',
  ])
    .argument('<actor>', 'its name, its id, or the end of its id')
    .option(...TIMEOUT)
    .action(
      act(async (actor: string, options) => await (await import('../commands/describe.ts')).describe(actor, options)),
    )
  look('ping', 'asks one actor again and again, and tells how long its answers took', [
    'greenroom ping gretchen',
    'greenroom ping gretchen --count 100 --interval 10ms --json',
  ])
    .argument('<actor>', 'its name, its id, or the end of its id')
    .option('-n, --count <number>', 'how often; default 5', readCount)
    .option('-i, --interval <time>', 'from an answer to the next question; default 200ms', readTimeout)
    .option(...TIMEOUT)
    .action(act(async (actor: string, options) => await (await import('../commands/ping.ts')).ping(actor, options)))
  look('rtt', 'the round trips to several actors, by default to the roots', [
    'greenroom rtt',
    'greenroom rtt donny gretchen --count 20',
  ])
    .argument('[actor...]', 'names, ids, or ends of ids')
    .option('-n, --count <number>', 'how often each is asked; default 5', readCount)
    .option(...TIMEOUT)
    .action(act(async (actors: string[], options) => await (await import('../commands/ping.ts')).rtt(actors, options)))
  look('doctor', 'looks for what is wrong with this machine and the mesh, and says what to do about it', [
    'greenroom doctor',
    'greenroom doctor --verbose --port 4001',
    'greenroom doctor --json | jq \'.findings[] | select(.severity == "problem")\'',
  ])
    .option('-v, --verbose', 'shows also what is well')
    .option('--strict', 'a warning is a failure too')
    .option('--port <number>', 'whether a peer could listen on this port', readPort)
    .option(...TIMEOUT)
    .action(act(async (options) => await (await import('../commands/doctor.ts')).doctor(options)))
}
