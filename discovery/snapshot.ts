import type { ProfileName } from './profile.ts'
import type { ActorRef } from '../node/errors.ts'
import type { ReignSnapshot } from './reigns.ts'

/** Members of one page of a snapshot, unless told otherwise. */
export const SNAPSHOT_MEMBERS = 1_000
/** Members of one page of a snapshot, and entries of each of its other lists, at most. */
export const MAX_SNAPSHOT_ENTRIES = 10_000
/** Ended actors that a snapshot tells of. */
export const SNAPSHOT_ENDED = 100

export interface SnapshotOptions {
  /** Members to tell of, 0 to 10,000; default 1,000. */
  readonly limit?: number
  /** Those that come after a former page: its `next`. */
  readonly after?: string
}

/**
 * What one actor knows of its mesh at one moment. Plain data that travels and can be kept as JSON: what is not there is
 * null, and fields are added, never taken away. Times are in milliseconds.
 */
export interface DiscoverySnapshot {
  /** When this was read: since 1970. */
  readonly at: number
  readonly mesh: string
  readonly profile: ProfileName
  readonly self: SelfSnapshot
  /** The arbiter as far as this actor knows. */
  readonly arbiter: ArbiterSnapshot | null
  readonly election: ElectionSnapshot
  /** Who ruled from when on, as this actor learnt of it since its start, at most 32, the latest last. */
  readonly reigns: readonly ReignSnapshot[]
  /** Stands for all visible actors and their versions: two actors that know the same have the same. */
  readonly digest: string
  readonly counts: {
    /** Live actors that are known, this one included. */
    readonly actors: number
    readonly roots: number
    /** Records below an actor that is gone, kept in case that it was accused wrongly. */
    readonly hidden: number
    /** Ends that are remembered, so that old records do not come back. */
    readonly ended: number
    readonly suspects: number
    /** Neighbours whose discovery stream is up. */
    readonly links: number
    /** Actors that should be neighbours and are not. */
    readonly dials: number
    /** Roots that were declared dead and are dialled now and then. */
    readonly lost: number
  }
  /** A page of the live actors, the oldest first. */
  readonly members: readonly MemberSnapshot[]
  /** `after` of the next page; null when this is the last one. */
  readonly next: string | null
  /** Roots that somebody gets no answer from and that have not refuted that yet, by peer id, at most 10,000. */
  readonly suspicions: readonly SuspicionSnapshot[]
  /** The actors that ended last, the latest first, at most 100. */
  readonly ended: readonly EndedSnapshot[]
  /** The neighbours, by peer id, at most 10,000. */
  readonly links: readonly ActorRef[]
  /** By peer id, at most 10,000. */
  readonly dials: readonly DialSnapshot[]
  /** Names that this actor claims, in the order of the claims. */
  readonly claims: readonly ClaimSnapshot[]
  /** What was counted since the actor started, by name: probes, verdicts, refutations, elections, syncs, refusals… */
  readonly counters: Readonly<Record<string, number>>
}

/** The actor that a snapshot is of. */
export interface SelfSnapshot extends ActorRef {
  readonly root: string
  /** Peer id of the actor that started it; null for a root. */
  readonly parent: string | null
  readonly incarnation: number
  /** Whether it has heard who else is there. */
  readonly joined: boolean
  readonly leaving: boolean
  /** How much longer than usual it waits for others because it does not trust itself: 1 when it is well, at most 8. */
  readonly stretch: number
  /** The share of its last probes that was answered, 0 to 1. */
  readonly heard: number
}

export interface ArbiterSnapshot extends ActorRef {
  readonly term: number
  readonly incarnation: number
  /** Whether it is the actor that the snapshot is of. */
  readonly self: boolean
  /** It says that it sees less than half of what it saw before. */
  readonly provisional: boolean
}

export interface ElectionSnapshot {
  /** `elastic`: the oldest live roots elect; `quorum`: declared electors do. */
  readonly mode: 'elastic' | 'quorum'
  /** The highest term that was heard of. */
  readonly term: number
  /** Who elects: peer ids of roots, or names of declared electors; nobody until those have agreed with each other. */
  readonly committee: readonly string[]
  /** What the actor that the snapshot is of does in it. */
  readonly role: 'arbiter' | 'candidate' | 'elector' | 'none'
}

/** A live actor as another one knows it. */
export interface MemberSnapshot extends ActorRef {
  /** `leaving` answers calls and is not found any more; a `suspect` may be dead. */
  readonly status: 'up' | 'leaving' | 'suspect'
  readonly root: string
  readonly parent: string | null
  /** When it booted, since 1970 by its machine's clock: the age that orders actors. */
  readonly incarnation: number
  /** How often it refuted that it is dead, in this incarnation. */
  readonly refutations: number
  /** How often what it says of itself has changed. */
  readonly changes: number
  readonly addresses: readonly string[]
  readonly modules: readonly string[]
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly version: string | null
  /** Whether it is a neighbour of the actor that the snapshot is of. */
  readonly linked: boolean
}

export interface SuspicionSnapshot {
  readonly accused: ActorRef
  /** Who says so, at most 4. */
  readonly by: readonly ActorRef[]
  /** For how long it is suspected here. */
  readonly forMs: number
  /** When it is declared dead, unless it refutes that. */
  readonly inMs: number
}

export interface EndedSnapshot {
  readonly id: string
  readonly incarnation: number
  /** It said goodbye, or somebody has seen or decided that it is dead. */
  readonly how: 'left' | 'dead'
  /** Who said so first. */
  readonly by: ActorRef
  readonly agoMs: number
}

/** An actor that should be a neighbour and is not. */
export interface DialSnapshot extends ActorRef {
  /** Until it is dialled again; 0 while that is under way. */
  readonly inMs: number
  readonly refusals: number
  readonly failures: number
}

export interface ClaimSnapshot {
  readonly name: string
  /** The fencing token's term and serial number when it is held. */
  readonly held: { readonly term: number; readonly serial: number } | null
  /** Who holds it instead, when that is known. */
  readonly holder: ActorRef | null
}
