import type { ActorStats } from '../node/actor-stats.ts'
import type { ActorRef } from '../node/errors.ts'
import type { ProcessReading } from '../node/process-meter.ts'

/** What metrics are made of: of how an actor is at one moment, that which is a number. Times are milliseconds since 1970. */
export interface ActorReading extends ActorRef, ProcessReading {
  /** When this was read. */
  readonly at: number
  /** When the actor was up. */
  readonly startedAt: number
  readonly memory: {
    /** Of the whole process, in bytes; the heap is the actor's own. */
    readonly rssBytes: number
    readonly heapUsedBytes: number
    readonly heapTotalBytes: number
    readonly externalBytes: number
  }
  /** Brief vitals have no functions in it, and no buckets of the calls made. */
  readonly stats: ActorStats
  readonly connections: readonly unknown[]
  readonly streams: readonly {
    /** What the other side lets it send before it has taken more. */
    readonly credit: { readonly items: number; readonly bytes: number }
    /** Items that wait here for their consumer. */
    readonly queued: number
  }[]
  readonly discovery: {
    /** Neighbours whose discovery stream is up. */
    readonly links: number
    /** Live actors that it knows of, itself included, and those of them that are roots. */
    readonly actors: number
    readonly roots: number
    /** The highest term that it knows of, and whether it is the arbiter. */
    readonly term: number
    readonly isArbiter: boolean
    /** As in a `DiscoverySnapshot`; empty in brief vitals. */
    readonly counters: Readonly<Record<string, number>>
  }
  /** Actors and tasks in its open nurseries, by what they are doing, and how often it has restarted some. */
  readonly children: {
    readonly starting: number
    readonly running: number
    readonly restarting: number
    readonly restarts: number
  }
}
