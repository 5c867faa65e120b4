import type { DiscoveryEvent } from '../discovery/events.ts'
import type { FindOptions } from '../discovery/selection.ts'
import type { DiscoverySnapshot, MemberSnapshot, SnapshotOptions } from '../discovery/snapshot.ts'
import type { ActorEvent } from '../node/actor-events.ts'
import type { ActorRef } from '../node/errors.ts'
import type { LogLevel } from '../node/log.ts'
import type { LogLine } from '../node/log-book.ts'
import type { Portal } from '../rpc/portal.ts'
import type { ActorTree } from './actor-tree.ts'
import type { TreeOptions } from './describe-tree.ts'

/** A whole mesh, seen from one of its actors: to look at, to follow, and to act on. */
export interface MeshObserver extends AsyncDisposable {
  readonly mesh: string
  /** As whom it acts: an actor of the mesh, or an observer, whom nobody finds. */
  readonly self: ActorRef
  /** Whose view of the mesh this is: the actor itself, or a root that the observer is connected to. */
  readonly gate: ActorRef
  /**
   * What the gate knows of the mesh.
   *
   * @throws InvalidArgument when an option cannot be used
   * @throws GreenroomError `MESH_UNREACHABLE` when no root of the mesh answers any more
   */
  snapshot(options?: SnapshotOptions): Promise<DiscoverySnapshot>
  /** All live actors that the gate knows, or those that `where` selects, the oldest first. */
  members(options?: FindOptions): Promise<MemberSnapshot[]>
  /** A way into an actor; it connects at the first call. */
  portal(member: ActorRef & { readonly addresses: readonly string[] }): Portal
  /**
   * The trees of all roots, asked side by side.
   *
   * @param options `timeoutMs`: milliseconds in which all have to answer; default 1,000
   */
  trees(options?: TreeOptions): Promise<MeshTrees>
  /**
   * What happens in the mesh from now on: what the gate learns of it, and what happens in the actors of every tree, with its
   * causes. Leaving the loop ends it. A cancel point.
   *
   * @throws GreenroomError `MESH_UNREACHABLE` when no root of the mesh answers any more
   */
  events(options?: EventOptions): AsyncGenerator<MeshEvent, void>
  /**
   * Lines of the logs of all actors, or of some: those of before in the order of their times, then those that are written from
   * now on as they arrive. A cancel point.
   *
   * @throws GreenroomError `MESH_UNREACHABLE` when no root of the mesh answers any more
   */
  logs(options?: LogOptions): AsyncGenerator<LogLine | Gap, void>
  /**
   * Changes from which level on actors write log lines: each of those that `where` selects and all below it, or every actor.
   *
   * @param options `forMs`: milliseconds after which the level of before is in force again, 1 to 86,400,000; default it stays
   */
  setLogLevel(level: LogLevel, options?: FindOptions & { readonly forMs?: number }): Promise<ActOutcome[]>
  /**
   * Asks an actor to end; one that does not answer is ended by its parent, by the ladder. A root's `run` then rejects with a
   * `Cancelled` that says who has done so, and why.
   *
   * @returns when it has acknowledged, or its parent has ended it
   * @throws GreenroomError `NOT_ENDED` when neither it nor its parent answers
   */
  cancel(member: MemberSnapshot, options?: { readonly reason?: string }): Promise<void>
  /**
   * Ends an actor by SIGKILL, by way of its parent, to which it has died of that: a supervisor restarts it, or the nursery
   * fails. A root ends itself, unless it is part of a service that owns the process.
   *
   * @throws GreenroomError `NOT_ENDED` when who has to do it does not answer, `NOT_KILLED` for a root in a service
   */
  kill(member: MemberSnapshot, options?: { readonly reason?: string }): Promise<void>
  /** Ends what it follows, and its connections when they are its own; the actor that it looks from goes on. */
  leave(): Promise<void>
}

/** The trees of a mesh. */
export interface MeshTrees {
  /** Those of the roots that answered, the oldest root first. */
  readonly trees: readonly ActorTree[]
  readonly silent: readonly Silence[]
}

/** An actor that did not answer. */
export interface Silence {
  readonly actor: ActorRef
  readonly why: string
}

/** What became of an act on one of several actors: it did not answer when `why` is there. */
export interface ActOutcome {
  readonly actor: ActorRef
  readonly why?: string
}

/** Something in what is followed is missing. */
export type Gap = {
  /** Milliseconds since 1970, where the observer is. */
  readonly at: number
} &
  /** So many items were lost on their way: somebody, the consumer perhaps, is too slow for them. */
  (
    | { readonly type: 'lagged'; readonly missed: number; readonly actor: ActorRef | undefined }
    /** Nothing is heard of an actor and those below it; it is asked again while it is a member. */
    | ({ readonly type: 'silent' } & Silence)
  )

/** Something that happened in the mesh. */
export type MeshEvent = ActorEvent | (DiscoveryEvent & { readonly seenBy: ActorRef }) | Gap

export interface FollowOptions {
  /** Names or peer ids of those that are meant, also of such as start later; at most 64, default all. */
  readonly actors?: readonly string[]
}

export interface EventOptions extends FollowOptions {
  /** What happened in actors before and comes first, 0 to 1,000; default 0. */
  readonly recent?: number
  /** Whether to go on with what happens from now on; default it does. */
  readonly follow?: boolean
}

export interface LogOptions extends FollowOptions {
  /** From which level on, of the lines that are written at all; default `trace`. */
  readonly level?: LogLevel
  /** Lines of before that come first, 0 to 1,000; default 100. */
  readonly recent?: number
  /** Whether to go on with those that are written from now on; default it ends after those of before. */
  readonly follow?: boolean
}
