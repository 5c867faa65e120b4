import { inspect } from 'node:util'
import { checkMetadata, type Metadata, type MetadataOptions } from '../discovery/metadata.ts'
import { checkActorName } from '../node/actor-name.ts'
import { InvalidArgument } from '../node/errors.ts'
import { checkLogLevel, lastingLogLevel, type LogLevel } from '../node/log.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'
import { checkModules, type ExposedModule } from '../rpc/exposed.ts'
import { transferable } from '../rpc/transferable.ts'
import { type ActorStdio, checkStdio } from './actor-output.ts'
import { BOOT_TIMEOUT_MS } from './actor-process.ts'
import { type ActorLimits, checkLimits } from './limits.ts'
import { type HostChoice, hostSelection, type HostSelection } from './placement/host-choice.ts'
import {
  type Backoff,
  BACKOFF_MAX_MS,
  BACKOFF_MS,
  MAX_RESTARTS,
  type Restart,
  RESTART_WINDOW_MS,
  RESTARTS,
  RESTARTS_BOUND,
  STRATEGIES,
  type Strategy,
} from './restart-policy.ts'
import { checkStartMethod, type StartMethod } from './start-method.ts'

/** Milliseconds that a child of a root has to end after it was asked to, before force is used. */
export const CANCEL_GRACE_MS = 1_000
/** What is left of the grace on each level below: a parent outlasts the ladder of its children. */
export const GRACE_PER_LEVEL = 0.75
const MIN_GRACE_MS = 60

/** How a nursery treats its children. */
export interface NurseryOptions {
  /**
   * What happens when a child ends; default `one-cancels-all`.
   *
   * - `one-cancels-all`: the first failure cancels all the others and is thrown; nobody is restarted.
   * - `one-for-one`: the child alone is restarted.
   * - `one-for-all`: the other supervised children are ended, the one that was started last first, and all start again.
   * - `rest-for-one`: as `one-for-all`, for those that were started after it.
   *
   * The last three are Erlang's. They supervise what `startActor` starts, and local tasks that were given `restart`; a
   * failure of the body, of another task or of a one-shot cancels all in any case.
   */
  readonly strategy?: Strategy
  /** Restarts within `withinMs`, 0 to 10,000; one more fails the nursery with `TooManyRestarts`; default 3. */
  readonly maxRestarts?: number
  /** Milliseconds, 1 to 2^31-1; default 5,000. */
  readonly withinMs?: number
  /** The wait before a restart; default 50 ms, doubled for each restart in a row up to 5,000 ms, with jitter. */
  readonly backoff?: Backoff
  /**
   * Milliseconds from the cancel of a child to SIGTERM, 0 to 2^31-1, SIGKILL after another quarter; 0 kills at once.
   * Default 1,000 for children of a root and 0.75 times the parent's own on each level below.
   */
  readonly graceMs?: number
  /**
   * Milliseconds that a child has until it is an actor, 1 to 2^31-1; default 60,000: many may boot at once on few
   * cores.
   */
  readonly bootTimeoutMs?: number
}

/** How `startActor` starts and restarts an actor. */
export interface ActorOptions extends MetadataOptions {
  /**
   * What the actor serves, as `expose` gave it; nothing else can be called in it. With `on` also modules that only the host
   * has, by package and path (`some-package/worker.js`) or by a path below the host's directory (`./worker.js`): all that
   * they expose is served.
   */
  readonly modules?: readonly (ExposedModule | string)[]
  /** Copied into the child once, at each start as it was at the first. */
  readonly statespace?: Record<string, unknown>
  /** Default: the parent's level. */
  readonly logLevel?: LogLevel
  /**
   * When the actor is restarted, in a nursery whose strategy restarts: `permanent`, always; `transient`, unless it
   * ended normally or somebody asked it to end; `temporary`, never, and its end is no failure of the nursery. Default
   * `permanent`.
   */
  readonly restart?: Restart
  /**
   * Milliseconds that this actor has to end after it was asked to, 0 to 2^31-1; 0 kills it at once (Erlang's
   * `brutal_kill`), `Infinity` stands for the most (for an actor that supervises others). Default: the nursery's
   * `graceMs`.
   */
  readonly shutdownMs?: number
  /**
   * `process`: one of its own. `warm`: one that was booted beforehand and waits for its name, when there is one, at a
   * tenth of the time. `thread`: a thread of this process, with a libp2p node of its own; what it starts are
   * threads as well. Default: that of `run` or `joinMesh`.
   */
  readonly startMethod?: StartMethod
  /**
   * Where what it writes goes: to this process's own streams as it is (`inherit`), with its name before each line
   * (`prefix`), or to the log, at `info` and `warn` (`log`). Default `inherit`.
   */
  readonly stdio?: ActorStdio
  /**
   * Where it runs: on a host peer that starts actors for others (`allowSpawn`, `greenroom up --allow-spawn`), given by name,
   * by `{ id }`, by what has to hold for it (`{ where: { tags: ['gpu'] } }`), or as a list of those. Of several, the one with
   * the fewest actors; the next one when that refuses, or is lost before the actor is up. Its lifetime is still this nursery's.
   * Default: below this process.
   */
  readonly on?: HostChoice | readonly HostChoice[]
  /** What it may use; default no limit. */
  readonly limits?: ActorLimits
}

/** An actor that `runInActor` starts: its name, and what else is said of it. */
export interface OneShotOptions extends MetadataOptions {
  /** 1 to 256 bytes. */
  readonly name: string
  /** Where it runs, as for `startActor`; default below this process. */
  readonly on?: HostChoice | readonly HostChoice[]
}

/** How `nursery.start` treats a local task. */
export interface TaskOptions {
  /**
   * Makes the task a supervised child of a nursery whose strategy restarts: `permanent` starts it again whenever it has
   * ended, `transient` when it has failed, `temporary` never, and its failure is not the nursery's. Default: none, the
   * task is the nursery's own work and its failure cancels all.
   */
  readonly restart?: Restart
}

/** Options of a nursery with their defaults, checked. */
export interface NurserySettings {
  readonly strategy: Strategy
  readonly maxRestarts: number
  readonly withinMs: number
  readonly backoff: Required<Backoff>
  readonly graceMs: number
  readonly bootTimeoutMs: number
}

/** What a child is started with, checked and with its defaults: the same at each restart. */
export interface ActorSpec {
  readonly name: string
  readonly modules: readonly (ExposedModule | string)[]
  readonly statespace: Record<string, unknown>
  readonly metadata: Metadata
  readonly logLevel: LogLevel
  readonly graceMs: number
  readonly bootTimeoutMs: number
  readonly startMethod: StartMethod
  readonly stdio: ActorStdio
  readonly limits: ActorLimits
  /** Which host peers it may run on; default below this process. */
  readonly on: HostSelection | undefined
}

/**
 * @param own milliseconds of grace that this actor itself has, `undefined` in a root
 * @throws InvalidArgument naming the option that cannot be used
 */
export function nurserySettings(options: NurseryOptions, depth: number, own: number | undefined): NurserySettings {
  const { strategy = 'one-cancels-all', backoff = {} } = options
  if (!STRATEGIES.includes(strategy))
    throw new InvalidArgument(`strategy '${String(strategy)}' is unknown: use one of ${STRATEGIES.join(', ')}`)
  const firstMs = checkMs('backoff.firstMs', backoff.firstMs ?? BACKOFF_MS, 0)
  const maxMs = checkMs('backoff.maxMs', backoff.maxMs ?? Math.max(BACKOFF_MAX_MS, firstMs), firstMs)
  const maxRestarts = options.maxRestarts ?? MAX_RESTARTS
  if (!(Number.isInteger(maxRestarts) && maxRestarts >= 0 && maxRestarts <= RESTARTS_BOUND))
    throw new InvalidArgument(`maxRestarts is a whole number from 0 to ${RESTARTS_BOUND}, got ${inspect(maxRestarts)}`)
  return {
    strategy,
    maxRestarts,
    withinMs: checkMs('withinMs', options.withinMs ?? RESTART_WINDOW_MS, 1),
    backoff: { firstMs, maxMs },
    graceMs: checkMs('graceMs', options.graceMs ?? defaultGrace(depth, own), 0),
    bootTimeoutMs: checkMs('bootTimeoutMs', options.bootTimeoutMs ?? BOOT_TIMEOUT_MS, 1),
  }
}

/** @throws InvalidArgument naming the option that cannot be used */
export function actorSpec(
  name: string,
  options: ActorOptions,
  settings: NurserySettings,
  defaultMethod: StartMethod,
): ActorSpec {
  checkActorName(name)
  const { modules = [], statespace = {}, logLevel: level = lastingLogLevel(), shutdownMs = settings.graceMs } = options
  checkModules(modules.filter((module) => typeof module !== 'string'))
  checkLogLevel(level)
  transferable(options.statespace, 'statespace')
  const on = options.on === undefined ? undefined : hostSelection(options.on)
  if (on !== undefined && (options.startMethod ?? 'process') !== 'process')
    throw new InvalidArgument(
      `an actor on another host is a process there: startMethod '${options.startMethod}' is for this one`,
    )
  const { startMethod = on === undefined ? defaultMethod : 'process', stdio = 'inherit', limits = {} } = options
  checkStartMethod(startMethod)
  checkStdio(stdio, startMethod)
  checkLimits(limits, startMethod)
  return {
    name,
    modules: [...new Map(modules.map((one) => [typeof one === 'string' ? `./${one}` : one.namespace, one])).values()],
    statespace,
    metadata: checkMetadata(options),
    logLevel: level,
    graceMs: checkMs('shutdownMs', shutdownMs === Number.POSITIVE_INFINITY ? MAX_TIMEOUT_MS : shutdownMs, 0),
    bootTimeoutMs: settings.bootTimeoutMs,
    startMethod,
    stdio,
    limits,
    on,
  }
}

/** @throws InvalidArgument when it is neither a name nor an object with one */
export function oneShotOptions(nameOrOptions: string | OneShotOptions): OneShotOptions {
  if (typeof nameOrOptions !== 'object' || nameOrOptions === null) return { name: nameOrOptions }
  const { name: _name, on: _on, tags: _tags, groups: _groups, version: _version, ...others } = nameOrOptions
  for (const key of Object.keys(others))
    throw new InvalidArgument(`'${key}' is no option of runInActor: use name, on, tags, groups or version`)
  return nameOrOptions
}

/** @throws InvalidArgument when the word is unknown, or the strategy restarts nobody */
export function checkRestart(restart: Restart | undefined, strategy: Strategy): void {
  if (restart === undefined) return
  if (!RESTARTS.includes(restart))
    throw new InvalidArgument(`restart '${String(restart)}' is unknown: use one of ${RESTARTS.join(', ')}`)
  if (strategy === 'one-cancels-all')
    throw new InvalidArgument(
      `restart '${restart}' needs a nursery that restarts: give openNursery a strategy, such as 'one-for-one'`,
    )
}

function defaultGrace(depth: number, own: number | undefined): number {
  const shrunk = CANCEL_GRACE_MS * GRACE_PER_LEVEL ** depth
  return Math.max(MIN_GRACE_MS, Math.min(shrunk, (own ?? Number.POSITIVE_INFINITY) * GRACE_PER_LEVEL))
}

function checkMs(option: string, ms: number, least: number): number {
  if (typeof ms === 'number' && ms >= least && ms <= MAX_TIMEOUT_MS) return ms
  throw new InvalidArgument(`${option} is ${least} to ${MAX_TIMEOUT_MS} milliseconds, got ${inspect(ms)}`)
}
