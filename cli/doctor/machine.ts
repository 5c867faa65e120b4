import { lstatSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, freemem, loadavg, networkInterfaces, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type KnownMesh, knownMeshes } from '../../index.ts'
import { describeFailure } from '../command-error.ts'
import { readContexts } from '../contexts.ts'
import { type Finding, note, ok, problem, warning } from './finding.ts'

/** Open files that a process may have, below which a mesh of some size does not fit. */
export const LEAST_OPEN_FILES = 1_024
/** The share of memory that is free, below which a machine begins to swap or kill. */
export const LEAST_FREE_SHARE = 0.05
/** Processes that want a processor, for each that there is, above which answers come late. */
export const MOST_LOAD = 4
/** Milliseconds for which this process watches how late its own timers are. */
const LOOP_WATCH_MS = 120
/** Milliseconds that the timers of an idle process are late at most on a machine that is well. */
export const MOST_LATE_MS = 50

/** What was read of this machine. */
export interface MachineFacts {
  readonly node: string
  /** Undefined where the system does not tell, or has no limit. */
  readonly openFiles: number | undefined
  readonly freeShare: number
  readonly loadPerProcessor: number
  readonly lateMs: number
  readonly runtime: { readonly path: string; readonly given: boolean; readonly wrong: string | undefined }
  readonly contextsWrong: string | undefined
  /** Addresses that mean something on other machines. */
  readonly outward: readonly string[]
  readonly mesh: KnownMesh
  /** Whether a port that a peer is to listen on is free; undefined when none was asked about. */
  readonly port: { readonly number: number; readonly taken: string | undefined } | undefined
}

export async function readMachine(mesh: string, port: number | undefined): Promise<MachineFacts> {
  const known = (await knownMeshes()).find(({ name }) => name === mesh)
  return {
    node: process.versions.node,
    openFiles: openFiles(),
    freeShare: freemem() / totalmem(),
    loadPerProcessor: loadavg()[0]! / availableParallelism(),
    lateMs: await howLate(),
    runtime: runtimeDirectory(),
    contextsWrong: wrongOf(readContexts),
    outward: Object.values(networkInterfaces()).flatMap((all = []) =>
      all.filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0).map(({ address }) => address),
    ),
    mesh: known ?? { name: mesh, joined: false, programs: 0 },
    port: port === undefined ? undefined : { number: port, taken: await whyTaken(port) },
  }
}

/** What is to be said of it. */
export function judgeMachine(facts: MachineFacts): Finding[] {
  const { openFiles: files, freeShare, loadPerProcessor, lateMs, runtime, outward, mesh } = facts
  return [
    ok('node', `Node ${facts.node}`),
    runtime.wrong !== undefined
      ? problem(
          'directory',
          `${runtime.path}: ${runtime.wrong}`,
          'programs of this user cannot find each other: set XDG_RUNTIME_DIR to a directory of your own, or mend it',
        )
      : runtime.given
        ? ok('directory', `programs of this machine meet in ${runtime.path}`)
        : note(
            'directory',
            `programs of this machine meet in ${runtime.path}, as XDG_RUNTIME_DIR is not set`,
            'programs that are started with another TMPDIR, as by a service manager, do not meet these: set XDG_RUNTIME_DIR for all of them',
          ),
    facts.contextsWrong === undefined
      ? ok('contexts', 'the contexts can be read')
      : problem('contexts', facts.contextsWrong, 'mend the file, or delete it and add the contexts again'),
    files === undefined || files >= LEAST_OPEN_FILES
      ? ok('files', `a process may have ${files ?? 'any number of'} open files`)
      : warning(
          'files',
          `a process may have only ${files} open files`,
          `each connection is one: raise it with 'ulimit -n 8192', or LimitNOFILE= of a service`,
        ),
    freeShare >= LEAST_FREE_SHARE
      ? ok('memory', `${Math.round(freeShare * 100)} % of the memory is free`)
      : warning(
          'memory',
          `only ${(freeShare * 100).toFixed(1)} % of the memory is free`,
          "processes may be killed, or swapped out and taken for dead: 'greenroom top --sort memory' shows which actors have most",
        ),
    loadPerProcessor <= MOST_LOAD
      ? ok('load', `${loadPerProcessor.toFixed(1)} processes want each processor`)
      : warning(
          'load',
          `${loadPerProcessor.toFixed(1)} processes want each processor`,
          "answers come late, and roots may be suspected: 'greenroom top --sort cpu' shows the busiest actors",
        ),
    lateMs <= MOST_LATE_MS
      ? ok('timers', `timers are ${lateMs.toFixed(1)} ms late at most`)
      : warning(
          'timers',
          `timers of an idle process are up to ${Math.round(lateMs)} ms late here`,
          'the machine is overloaded or was paused: move work away, or give it more processors',
        ),
    outward.length > 0
      ? ok(
          'interfaces',
          `this machine has the addresses ${outward.slice(0, 4).join(', ')}${outward.length > 4 ? ' and others' : ''}`,
        )
      : note(
          'interfaces',
          'this machine has no address but its own loopback one',
          'no other machine can connect to it: bring its network up if it should be in a mesh of several machines',
        ),
    ...(facts.port === undefined ? [] : [judgePort(facts.port)]),
    mesh.joined || mesh.programs > 0
      ? ok(
          'mesh',
          `${mesh.joined ? 'this machine has joined' : 'programs here are in'} mesh '${mesh.name}', ${mesh.programs} of its programs run here`,
        )
      : problem(
          'mesh',
          `this machine knows no mesh '${mesh.name}'`,
          `'greenroom up --mesh ${mesh.name}' begins one here, 'greenroom join <invitation>' joins one of other machines; 'greenroom context list' shows which you have named`,
        ),
  ]
}

function judgePort({ number, taken }: NonNullable<MachineFacts['port']>): Finding {
  if (taken === undefined) return ok('port', `port ${number} is free`)
  return warning(
    'port',
    `port ${number} cannot be listened on: ${taken}`,
    taken.includes('EACCES')
      ? 'take one from 1024 on, or give the program the right to it'
      : `if that is not the peer of this host, end what has it ('ss -ltnp sport = :${number}' shows it) or take another one: 'greenroom up --port'`,
  )
}

function openFiles(): number | undefined {
  const report = process.report
  // it would look up the names of all addresses that are connected to
  Object.assign(report, { excludeNetwork: true })
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }
  const soft = userLimits?.open_files?.soft
  return typeof soft === 'number' ? soft : undefined
}

async function howLate(): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 10 })
  delays.enable()
  await new Promise((resolve) => setTimeout(resolve, LOOP_WATCH_MS))
  delays.disable()
  return Math.max(0, delays.max / 1e6 - 10)
}

function runtimeDirectory(): MachineFacts['runtime'] {
  const given = process.env['XDG_RUNTIME_DIR']
  const above = given === undefined || given === '' ? tmpdir() : given
  const path = join(above, `greenroom-${process.getuid?.() ?? 'user'}`)
  return { path, given: above === given, wrong: wrongOf(() => checkDirectory(path, above)) }
}

function checkDirectory(path: string, above: string): void {
  lstatSync(above)
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isDirectory()) throw new Error('it is no directory')
  if (process.getuid !== undefined && stat.uid !== process.getuid()) throw new Error(`it belongs to user ${stat.uid}`)
  if ((stat.mode & 0o077) !== 0) throw new Error('other users can get at it')
}

function wrongOf(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return describeFailure(error)
  }
}

async function whyTaken(port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    await new Promise<void>((listening, failed) => {
      server.once('error', failed)
      server.listen(port, '0.0.0.0', listening)
    })
    return undefined
  } catch (error) {
    return describeFailure(error)
  } finally {
    server.close()
  }
}
