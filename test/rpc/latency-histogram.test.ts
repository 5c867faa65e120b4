import { describe, expect, test } from 'vitest'
import { LatencyHistogram, MAX_LATENCY_US } from '../../rpc/latency-histogram.ts'
import { deadline } from '../support/headroom.ts'
import { randomSource } from './fixtures/random.ts'

function recorded(...values: number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.record(value)
  return histogram
}

describe('what was recorded is read back', () => {
  test('nothing reads as zeros', () => {
    expect(recorded().read()).toEqual({ count: 0, meanUs: 0, p50Us: 0, p90Us: 0, p99Us: 0, maxUs: 0, buckets: [] })
  })

  test('one value is every quantile, the mean and the maximum', () => {
    expect(recorded(17).read()).toEqual({
      count: 1,
      meanUs: 17,
      p50Us: 17,
      p90Us: 17,
      p99Us: 17,
      maxUs: 17,
      buckets: [[17, 1]],
    })
  })

  test('below 32 µs each microsecond is told apart', () => {
    const { buckets } = recorded(...Array.from({ length: 32 }, (_, us) => us)).read()
    expect(buckets).toEqual(Array.from({ length: 32 }, (_, us) => [us, 1]))
  })

  test.each([32, 33, 63, 64, 100, 1_000, 1_001, 65_535, 65_536, 1_000_000, 60_000_000, 2 ** 31, MAX_LATENCY_US])(
    '%i µs among larger ones is at most 1/64 off',
    (us) => {
      const { p50Us, buckets } = recorded(us, us, MAX_LATENCY_US).read()
      expect(Math.abs(p50Us - us) / us).toBeLessThanOrEqual(1 / 64)
      expect(buckets[0]![0]).toBeLessThanOrEqual(us)
    },
  )

  test('buckets follow each other without a gap: every power of two begins one', () => {
    const powers = Array.from({ length: 32 }, (_, i) => 2 ** i)
    expect(recorded(...powers).read().buckets.map(([from]) => from)).toEqual(powers) // oxfmt-ignore
    for (const power of powers.slice(5)) {
      const froms = recorded(power - 1, power).read().buckets.map(([from]) => from) // oxfmt-ignore
      expect(froms).toHaveLength(2)
      expect(froms[1]).toBe(power)
    }
  })

  test('quantiles of 100,000 values over seven powers of ten are at most 1/64 off', () => {
    const random = randomSource(11)
    const values = Array.from({ length: 100_000 }, () => Math.floor(10 ** ((random.int(7_000_000) + 1) / 1_000_000)))
    const { p50Us, p90Us, p99Us, maxUs, meanUs, count } = recorded(...values).read()
    const sorted = values.toSorted((a, b) => a - b)
    for (const [share, read] of [
      [0.5, p50Us],
      [0.9, p90Us],
      [0.99, p99Us],
    ] as const) {
      // oxfmt-ignore
      const exact = sorted[Math.ceil(share * values.length) - 1]!
      expect(Math.abs(read - exact) / exact).toBeLessThanOrEqual(1 / 64)
    }
    expect(maxUs).toBe(sorted.at(-1))
    expect(count).toBe(values.length)
    expect(meanUs).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length)
  })

  test('longer than 71 minutes counts as that, shorter than a microsecond as none', () => {
    const { maxUs, buckets } = recorded(0.9, 1e12, Number.POSITIVE_INFINITY).read()
    expect(maxUs).toBe(MAX_LATENCY_US)
    expect(buckets.map(([, count]) => count)).toEqual([1, 2])
    expect(buckets[0]![0]).toBe(0)
  })

  test('counts go on above 32 bits', () => {
    const histogram = recorded(5)
    for (let i = 0; i < 33; i++) histogram.add(histogram)
    expect(histogram.read()).toMatchObject({ count: 2 ** 33, meanUs: 5, p99Us: 5 })
  })

  test('adding two histograms is recording all of their values in one', () => {
    const sum = recorded(1, 50, 70)
    sum.add(recorded(2, 50, 9_000))
    expect(sum.read()).toEqual(recorded(1, 50, 70, 2, 50, 9_000).read())
  })
})

describe('recording is cheap', () => {
  const values = Array.from({ length: 1_024 }, (_, i) => (i * 7_919.37) % 300_000)
  const record = (histogram: LatencyHistogram, times: number): void => {
    for (let i = 0; i < times; i++) histogram.record(values[i & 1_023]!)
  }

  test('it takes less than 100 ns', () => {
    const histogram = new LatencyHistogram()
    record(histogram, 200_000)
    const rounds = Array.from({ length: 10 }, () => {
      const start = performance.now()
      record(histogram, 100_000)
      return performance.now() - start
    })
    expect(Math.min(...rounds)).toBeLessThan(deadline(10))
  })

  test('it allocates nothing', () => {
    const histogram = new LatencyHistogram()
    record(histogram, 200_000)
    const before = process.memoryUsage().heapUsed
    record(histogram, 1_000_000)
    // a double a call would be 16 MB, below what starts a collection of the young generation that would hide it
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000)
  })
})
