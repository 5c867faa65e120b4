import type { Latency } from '../node/actor-stats.ts'

const SUB_BITS = 5
/** Buckets of each power of two; below that many microseconds every microsecond has one of its own. */
const SUB_BUCKETS = 2 ** SUB_BITS
const BUCKETS = SUB_BUCKETS * (32 - SUB_BITS + 1)
/** Microseconds that a latency counts at most: 71 minutes. */
export const MAX_LATENCY_US = 2 ** 32 - 1
/** Where the sum and the maximum stand, behind the buckets. */
const SUM = BUCKETS
const MAX = BUCKETS + 1

/**
 * Latencies in logarithmic groups of 32 linear buckets, after Gil Tene's HdrHistogram: recording is an addition in a
 * typed array, allocates nothing, and what is read back is at most 1/64 off however wide the range is.
 *
 * Counts are doubles: integers of 32 bits would be full after some hours of a busy actor.
 */
export class LatencyHistogram {
  readonly #cells = new Float64Array(BUCKETS + 2)

  /** @param us microseconds; parts of one are cut off @param times how many took that long */
  record(us: number, times = 1): void {
    const whole = us < MAX_LATENCY_US ? us >>> 0 : MAX_LATENCY_US
    const cells = this.#cells
    cells[bucketOf(whole)]! += times
    cells[SUM]! += whole * times
    if (whole > cells[MAX]!) cells[MAX] = whole
  }

  /** Takes over what another one has recorded. */
  add(other: LatencyHistogram): void {
    const max = Math.max(this.#cells[MAX]!, other.#cells[MAX]!)
    for (let i = 0; i < MAX; i++) this.#cells[i]! += other.#cells[i]!
    this.#cells[MAX] = max
  }

  read(): Latency {
    const cells = this.#cells
    const buckets: [number, number][] = []
    let count = 0
    for (let i = 0; i < BUCKETS; i++) {
      if (cells[i] === 0) continue
      buckets.push([lowestOf(i), cells[i]!])
      count += cells[i]!
    }
    const at = (share: number): number => this.#quantile(share * count)
    const meanUs = count === 0 ? 0 : cells[SUM]! / count
    return { count, meanUs, p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99), maxUs: cells[MAX]!, buckets }
  }

  /** The middle of the bucket that holds the value of a rank. */
  #quantile(rank: number): number {
    let seen = 0
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#cells[i]!
      if (seen < rank || seen === 0) continue
      return Math.min(this.#cells[MAX]!, Math.floor((lowestOf(i) + lowestOf(i + 1) - 1) / 2))
    }
    return 0
  }
}

function bucketOf(us: number): number {
  if (us < SUB_BUCKETS) return us
  const shift = 31 - SUB_BITS - Math.clz32(us)
  return shift * SUB_BUCKETS + (us >>> shift)
}

function lowestOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  return (bucket - shift * SUB_BUCKETS) * 2 ** shift
}
