import type { ActorStats, ActorVitals } from '../../index.ts'
import { type LatencyBetween, latencyBetween } from './latency-between.ts'

/** Milliseconds between two readings, at least, that rates are computed of. */
export const MIN_RATE_MS = 50

/** How much an actor did between two readings, for each second. */
export interface Rates {
  /** Milliseconds between them. */
  readonly overMs: number
  readonly served: number
  readonly made: number
  /** Calls that failed here, and those of this actor that failed elsewhere. */
  readonly failed: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly itemsIn: number
  readonly itemsOut: number
  /** Of the calls that were served. */
  readonly latency: LatencyBetween | null
}

/** Undefined when they are too near to each other, or are not of the same life of the actor. */
export function ratesBetween(before: ActorVitals, after: ActorVitals): Rates | undefined {
  const [a, b] = [before.stats, after.stats]
  const overMs = b.uptimeMs - a.uptimeMs
  if (a.since !== b.since || overMs < MIN_RATE_MS) return undefined
  const perSecond = (read: (stats: ActorStats) => number): number => (Math.max(0, read(b) - read(a)) * 1_000) / overMs
  return {
    overMs,
    served: perSecond(({ served }) => served.started),
    made: perSecond(({ made }) => made.started),
    failed: perSecond(({ served, made }) => served.failed + made.failed),
    bytesIn: perSecond(({ bytes }) => bytes.received),
    bytesOut: perSecond(({ bytes }) => bytes.sent),
    itemsIn: perSecond(({ streams }) => streams.itemsReceived),
    itemsOut: perSecond(({ streams }) => streams.itemsSent),
    latency: latencyBetween(a.served.latency, b.served.latency),
  }
}
