import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../rpc/codec.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-stream.ts'
import { MAX_COUNTED_FUNCTIONS, Stats } from '../../rpc/stats.ts'

describe('the counters of an actor', () => {
  test('what began and has not ended is in flight', () => {
    const stats = new Stats()
    const calls = stats.served('film#hi', 'value')
    for (let i = 0; i < 10; i++) calls.begin()
    for (let i = 0; i < 4; i++) calls.end('succeeded', 10)
    calls.end('failed', 20)
    calls.end('cancelled', 30)
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
      calls.end('succeeded', i)
    }
    stats.unnamed.begin()
    stats.unnamed.end('failed', 7)
    const { served, functions } = stats.read()
    expect(served).toMatchObject({ started: 4, succeeded: 3, failed: 1, latency: { count: 4, maxUs: 7 } })
    expect(functions.map(({ id }) => id)).toEqual(['a#a', 'a#b', 'a#c'])
  })

  test('what was read does not change afterwards', () => {
    const stats = new Stats()
    stats.served('a#a', 'value').begin()
    const before = stats.read()
    stats.served('a#a', 'value').end('succeeded', 1)
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
        calls.end('succeeded', us)
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
