import type { Latency } from '../../index.ts'

/** How long the calls took that ended between two readings of the same counters, in microseconds. */
export interface LatencyBetween {
  readonly count: number
  readonly p50Us: number
  readonly p99Us: number
}

type Buckets = Pick<Latency, 'buckets'>

/** Null when no call has ended in between, or counting began anew. */
export function latencyBetween(before: Buckets, after: Buckets): LatencyBetween | null {
  const counted = new Map(before.buckets)
  const between = after.buckets.map(([from, count]) => [from, count - (counted.get(from) ?? 0)] as const)
  const count = between.reduce((sum, [, one]) => sum + one, 0)
  if (count <= 0 || between.some(([, one]) => one < 0)) return null
  const at = (share: number): number => {
    let seen = 0
    for (const [from, one] of between) if ((seen += one) >= share * count) return from
    return 0
  }
  return { count, p50Us: at(0.5), p99Us: at(0.99) }
}
