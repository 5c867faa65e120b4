import type { ActorStats } from './actor-stats.ts'
import type { CancelScope } from './cancel-scope.ts'
import { GreenroomError } from './errors.ts'
import type { Log } from './log.ts'
import { PerActor } from './per-actor.ts'

/** The actor that this code runs in. */
export interface Actor {
  readonly name: string
  /** The peer id: unique in the mesh, new at every start unless the identity is kept. */
  readonly id: string
  /** Multiaddrs that others dial, at most 8. */
  readonly addresses: readonly string[]
  /** Whatever the parent passed at the start, copied once; changes stay in this process. */
  readonly statespace: Record<string, unknown>
  /** Words by which look-ups select it, sorted. */
  readonly tags: readonly string[]
  /** Groups that it is a member of, sorted. */
  readonly groups: readonly string[]
  /** Of the program that it runs, when that was said. */
  readonly version: string | undefined
  /** Where Prometheus reads the metrics of this actor and those below it, when `run` or `joinMesh` was told to serve them. */
  readonly metricsUrl: string | undefined
  /** Aborts when the actor is cancelled. */
  readonly signal: AbortSignal
  readonly log: Log
  /**
   * Says anew by which words the actor is selected; the mesh sees it as `updated`, here at once and elsewhere in the
   * time that a new actor takes to be seen.
   *
   * @param tags all of them, at most 32 of 1 to 128 bytes
   * @throws InvalidArgument with the path to what cannot be used; the tags are as before then
   * @example
   * ```ts
   * const { tags } = currentActor()
   * currentActor().setTags([...tags, 'draining'])
   * ```
   */
  setTags(tags: readonly string[]): void
  /** Counters of this actor since its start: what others get by `portal.stats()`. */
  stats(): ActorStats
  /**
   * Releases something when the actor ends: normally, by a cancel, because its main task failed, or by an error that
   * nobody caught in a child. What was registered last is released first, after the tasks of the actor have ended,
   * within 1,000 ms for all of them and within the actor's own grace. An error is logged, and the others are released
   * all the same. A process that is killed, or calls `process.exit()`, releases nothing.
   *
   * @param release may call other actors through portals that it has: the cancel does not reach it; at most 1,000 are registered at a time
   * @returns the function that takes it back
   * @throws LimitExceeded when more are registered
   * @throws InvalidArgument when the actor has released its resources already
   * @example
   * ```ts
   * const resources = new AsyncDisposableStack()
   * currentActor().onExit(() => resources.disposeAsync())
   * ```
   */
  onExit(release: () => unknown): () => void
}

const actors = new PerActor<Actor>()

/**
 * The actor of this process.
 *
 * @throws GreenroomError `NO_ACTOR` when neither `run` nor `joinMesh` is live in this process
 * @example
 * ```ts
 * const line = `Hi my name is ${currentActor().name}`
 * ```
 */
export function currentActor(): Actor {
  const { current } = actors
  if (current === undefined)
    throw new GreenroomError(
      'NO_ACTOR',
      'no actor is running in this process: call it inside run() or after joinMesh()',
    )
  return current
}

/**
 * Makes an actor the one of this process; gives the function that undoes it.
 *
 * @param scope the actor's
 * @throws GreenroomError `ALREADY_RUNNING` while another actor is live: an actor is a process
 */
export function becomeActor(actor: Actor, scope: CancelScope): () => void {
  const current = actors.of(scope)
  if (current !== undefined)
    throw new GreenroomError(
      'ALREADY_RUNNING',
      `this process already is the actor '${current.name}': end that run() or leave() that mesh first, and guard a run() in a module that actors import with 'if (import.meta.main)'`,
    )
  return actors.set(actor, scope)
}
