import type { ActorStats } from '../node/actor-stats.ts'
import type { ActorRef } from '../node/errors.ts'
import type { ProcessReading } from '../node/process-meter.ts'

/** What metrics are made of: how one actor is at one moment, as its vitals tell it. Times are milliseconds since 1970. */
export interface ActorReading extends ActorRef, ProcessReading {
  readonly at: number
  readonly startedAt: number
  readonly memory: {
    readonly rssBytes: number
    readonly heapUsedBytes: number
    readonly heapTotalBytes: number
    readonly externalBytes: number
  }
  readonly stats: ActorStats
  readonly connections: readonly unknown[]
  readonly streams: readonly {
    readonly credit: { readonly items: number; readonly bytes: number }
    readonly queued: number
  }[]
  readonly discovery: {
    readonly links: number
    readonly actors: number
    readonly roots: number
    readonly term: number
    readonly isArbiter: boolean
    readonly counters: Readonly<Record<string, number>>
  }
  readonly children: {
    readonly starting: number
    readonly running: number
    readonly restarting: number
    readonly restarts: number
  }
}
