import { type ActorRef, InvalidArgument } from '../node/errors.ts'
import type { StartMethod } from './start-method.ts'

/** Children, actors and tasks alike, that one description of a tree tells of; the others are counted. */
export const MAX_TREE_CHILDREN = 2_000
/** Waits, calls served and nurseries, of each kind, that are told of one actor: those that began first. */
export const MAX_TREE_ENTRIES = 50
/** Children of a nursery that have ended which are told of: those that ended last. */
export const MAX_TREE_ENDED = 10
/** Waits, calls served and ended children of all actors of one description together. */
export const MAX_TREE_ALL_ENTRIES = 20_000
/** Characters of one of its texts. */
export const MAX_TREE_TEXT = 200
/** The most of them. */
export const MAX_TREE_TIMEOUT_MS = 60_000
/** Default milliseconds in which the actors of a tree have to answer; those below another one get 0.75 times its time. */
export const TREE_TIMEOUT_MS = 1_000

/** An actor, what it waits for, and what runs below it, at one moment; plain data. Times are milliseconds since 1970. */
export interface ActorTree extends ActorRef {
  readonly pid: number
  /** When this was read. */
  readonly at: number
  /** Since when it is an actor. */
  readonly since: number
  /** By whom and why, once it was cancelled. */
  readonly cancelled: string | undefined
  /** Its calls in flight, sleeps and waits for actors, at most 50, the longest first. */
  readonly waits: readonly Wait[]
  /** The calls of others that run in it, at most 50, the longest first. */
  readonly serves: readonly ServedCall[]
  /** Those that are open, at most 50, the outer ones first. */
  readonly nurseries: readonly NurseryTree[]
  /** Entries of these three lists that are not shown. */
  readonly leftOut: number
}

/** Something that an actor waits for. */
export interface Wait {
  /** As in `calling hall#sing in tenor`, at most 200 characters. */
  readonly what: string
  readonly since: number
  /** Whom it waits for, when that is a call. */
  readonly actor?: ActorRef
}

/** A call that runs in an actor. */
export interface ServedCall {
  readonly functionId: string
  /** The name is empty when the caller is no known actor of the mesh. */
  readonly caller: ActorRef
  readonly since: number
}

/** A nursery that is open. */
export interface NurseryTree {
  readonly since: number
  /** By whom and why, once it was cancelled. */
  readonly cancelled: string | undefined
  /** Those that have not ended, in the order of their starts. */
  readonly children: readonly ChildTree[]
  /** Those that have ended, at most 10, the one that ended last first. */
  readonly ended: readonly EndedChild[]
  /** Children that have not ended and are not shown. */
  readonly leftOut: number
}

/** A child of a nursery that has ended for good. */
export interface EndedChild extends ActorRef {
  readonly kind: 'actor' | 'one-shot' | 'task'
  readonly since: number
  readonly endedAt: number
  /** `done`: by itself, without an error; `cancelled`: somebody asked it to end; `failed`: it raised or died. */
  readonly outcome: 'done' | 'cancelled' | 'failed'
  /** The error, or by whom and why it was asked to end; at most 200 characters. */
  readonly why: string | undefined
  readonly restarts: number
}

/** The last restart of a child. */
export interface LastRestart {
  readonly at: number
  /** At most 200 characters. */
  readonly why: string
  /** Milliseconds of backoff before its start. */
  readonly delayMs: number
}

/** A child of a nursery that has not ended. */
export interface ChildTree extends ActorRef {
  readonly kind: 'actor' | 'one-shot' | 'task'
  /** The host peer that it runs below; missing for what runs below its nursery's own process. */
  readonly host?: ActorRef | undefined
  readonly outcome: 'starting' | 'running' | 'restarting'
  readonly pid: number | undefined
  /** Missing for a task. */
  readonly startMethod: StartMethod | undefined
  readonly since: number
  readonly restarts: number
  /** When it was restarted last, and why; missing when it never was. */
  readonly lastRestart?: LastRestart
  /** What it told of itself; missing for a task and for an actor that did not answer. */
  readonly actor?: ActorTree
  /** Why an actor that is up told nothing. */
  readonly silent?: string
}

/** How much is asked for, and how long it may take. */
export interface TreeBounds {
  readonly timeoutMs: number
  /** Children that may be told of. */
  readonly children: number
  /** Waits, calls served and ended children that may be told of; default {@link MAX_TREE_ALL_ENTRIES}. */
  readonly entries?: number
}

/** What can be asked for its tree. */
export interface Describable {
  readonly pid: number | undefined
  /** The host peer that it runs below, when that is not its owner. */
  readonly host: ActorRef | undefined
  readonly startMethod: StartMethod
  /** @throws Error when it does not answer in time */
  describe(bounds: TreeBounds): Promise<ActorTree>
}

/** @throws InvalidArgument when it is no time in which a tree is told */
export function checkTreeTimeout(timeoutMs: number): void {
  if (!(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= MAX_TREE_TIMEOUT_MS))
    throw new InvalidArgument(`timeoutMs is above 0 and at most ${MAX_TREE_TIMEOUT_MS}, got ${timeoutMs}`)
}
