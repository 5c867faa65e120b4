import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../rpc/codec.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-reader.ts'
import { type CallCounter, type CallOutcome, MAX_COUNTED_FUNCTIONS, Stats } from '../../rpc/stats.ts'

function end(calls: CallCounter, outcome: CallOutcome, us: number): void {
  calls.end(outcome)
  calls.latency.record(us)
}

describe('the counters of an actor', () => {
  test('what began and has not ended is in flight', () => {
    const stats = new Stats()
    const calls = stats.served('film#hi', 'value')
    for (let i = 0; i < 10; i++) calls.begin()
    for (let i = 0; i < 4; i++) end(calls, 'succeeded', 10)
    end(calls, 'failed', 20)
    end(calls, 'cancelled', 30)
    const counts = { started: 10, succeeded: 4, failed: 1, cancelled: 1, inFlight: 4 }
    const { served, functions, made } = stats.read()
    expect(served).toMatchObject({ ...counts, latency: { count: 6, maxUs: 30, p50Us: 10 } })
    expect(functions).toMatchObject([{ id: 'film#hi', kind: 'value', ...counts, latency: { count: 6 } }])
    expect(made).toMatchObject({ started: 0, inFlight: 0 })
  })

  test('the total is the sum of the functions and of what named none', () => {
    const stats = new Stats()
    for (const [i, id] of ['a#a', 'a#b', 'a#c'].entries()) {
      const calls = stats.served(id, 'stream')
      calls.begin()
      end(calls, 'succeeded', i)
    }
    stats.unnamed.begin()
    end(stats.unnamed, 'failed', 7)
    const { served, functions } = stats.read()
    expect(served).toMatchObject({ started: 4, succeeded: 3, failed: 1, latency: { count: 4, maxUs: 7 } })
    expect(functions.map(({ id }) => id)).toEqual(['a#a', 'a#b', 'a#c'])
  })

  test('what was read does not change afterwards', () => {
    const stats = new Stats()
    stats.served('a#a', 'value').begin()
    const before = stats.read()
    end(stats.served('a#a', 'value'), 'succeeded', 1)
    expect(before.served).toMatchObject({ succeeded: 0, inFlight: 1, latency: { count: 0 } })
  })

  test('above MAX_COUNTED_FUNCTIONS all others are counted together, and nothing is lost', () => {
    const stats = new Stats()
    const many = MAX_COUNTED_FUNCTIONS + 100
    for (let i = 0; i < many; i++) stats.served(`n#${i}`, 'value').begin()
    const { functions, served } = stats.read()
    expect(functions).toHaveLength(MAX_COUNTED_FUNCTIONS)
    expect(functions.at(-1)).toMatchObject({ id: '*', started: 101 })
    expect(served.started).toBe(many)
  })

  test('the largest one fits a frame, and arrives as it is', () => {
    const stats = new Stats()
    for (let i = 0; i < MAX_COUNTED_FUNCTIONS; i++) {
      const calls = stats.served(`${'n'.repeat(508)}#${i}`, 'value')
      for (let us = 1; us < 2 ** 32; us *= 1.02) {
        calls.begin()
        end(calls, 'succeeded', us)
      }
    }
    const read = stats.read()
    const bytes = encode([16, 1, read])
    expect(bytes.byteLength).toBeLessThan(MAX_FRAME_BYTES / 2)
    expect(decode(bytes)).toEqual([16, 1, read])
    expect(JSON.parse(JSON.stringify(read))).toEqual(read)
  })

  test('it tells since when it counts', () => {
    const before = Date.now()
    const { since, uptimeMs } = new Stats().read()
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(Date.now())
    expect(uptimeMs).toBeGreaterThanOrEqual(0)
  })
})

describe('the time of a call', () => {
  const busy = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end;);
  }

  test('that is answered in the moment of its arrival lasts until that moment is over, as its answer does', async () => {
    const stats = new Stats()
    const calls = stats.served('a#a', 'value')
    for (let i = 0; i < 3; i++) {
      const began = stats.now()
      calls.begin()
      busy(4)
      stats.servedEnded(calls, began, 'succeeded')
    }
    await Promise.resolve()
    const { latency } = stats.read().served
    expect(latency.count).toBe(3)
    expect(latency.buckets).toHaveLength(1)
    expect(latency.p50Us).toBeGreaterThan(11_500)
  })

  test('that is read before its moment is over counts once', async () => {
    const stats = new Stats()
    const calls = stats.served('a#a', 'value')
    calls.begin()
    stats.servedEnded(calls, stats.now(), 'succeeded')
    expect(stats.read().served.latency.count).toBe(1)
    await Promise.resolve()
    expect(stats.read().served.latency.count).toBe(1)
  })

  test('that waits is timed by itself', async () => {
    const stats = new Stats()
    const calls = stats.served('a#a', 'value')
    const began = stats.now()
    calls.begin()
    await Promise.resolve()
    busy(5)
    stats.servedEnded(calls, began, 'cancelled')
    expect(stats.read().served).toMatchObject({ cancelled: 1, latency: { count: 1 } })
    expect(stats.read().served.latency.maxUs).toBeGreaterThanOrEqual(5_000)
  })

  test('that was made lasts until the moment in which its answer arrives', async () => {
    const stats = new Stats()
    const began = stats.now()
    stats.made.begin()
    await Promise.resolve()
    expect(stats.now()).not.toBe(began)
    busy(5)
    await Promise.resolve()
    stats.madeEnded(began, 'succeeded')
    expect(stats.read().made.latency.maxUs).toBeGreaterThanOrEqual(5_000)
  })
})
