import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ProtocolError } from '../../node/errors.ts'
import { redirectLogs } from '../../node/log.ts'
import {
  BAN_MS,
  MAX_STRIKES,
  MAX_WATCHED_PEERS,
  Misconduct,
  REFUSED_STREAMS_PER_STRIKE,
  STRIKES_WINDOW_MS,
} from '../../rpc/misconduct.ts'
import { Stats } from '../../rpc/stats.ts'

const dropped: [peer: string, ms: number][] = []
const lines: string[] = []
let stats: Stats
let misconduct: Misconduct
let undo: () => void

beforeEach(() => {
  vi.useFakeTimers()
  dropped.length = 0
  lines.length = 0
  undo = redirectLogs((line) => lines.push(line))
  stats = new Stats()
  misconduct = new Misconduct((peer, _, ms) => dropped.push([peer, ms]), stats)
})
afterEach(() => {
  undo()
  vi.useRealTimers()
})

function breach(peer: string, times: number): void {
  for (let i = 0; i < times; i++) misconduct.breach(peer, new ProtocolError(`breach ${i}`))
}

describe('a peer that breaks the protocol', () => {
  test('may do so MAX_STRIKES times; once more and it is kept out for BAN_MS, logged once with the reason', () => {
    breach('walter', MAX_STRIKES)
    expect([dropped, lines]).toEqual([[], []])
    breach('walter', 1)
    expect(dropped).toEqual([['walter', BAN_MS]])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/WARN.*walter is kept out for 10000 ms.*breach 0/)
  })

  test('is no other peer', () => {
    for (const peer of ['donny', 'walter', 'maude']) breach(peer, MAX_STRIKES)
    breach('maude', 1)
    expect(dropped).toEqual([['maude', BAN_MS]])
  })

  test('is forgiven what is longer ago than STRIKES_WINDOW_MS', () => {
    for (let i = 0; i < 5 * MAX_STRIKES; i++) {
      breach('walter', 1)
      vi.advanceTimersByTime(STRIKES_WINDOW_MS / MAX_STRIKES)
    }
    expect(dropped).toEqual([])
  })

  test('is dropped for a burst across the edge of any window', () => {
    breach('walter', 1)
    vi.advanceTimersByTime(STRIKES_WINDOW_MS - 1)
    breach('walter', MAX_STRIKES - 1)
    vi.advanceTimersByTime(2)
    breach('walter', 1)
    expect(dropped).toEqual([])
    breach('walter', 1)
    expect(dropped).toHaveLength(1)
  })

  test('begins anew after it was kept out', () => {
    breach('walter', MAX_STRIKES + 1)
    breach('walter', MAX_STRIKES)
    expect(dropped).toHaveLength(1)
    breach('walter', 1)
    expect(dropped).toHaveLength(2)
  })
})

test('who opens streams without end is dropped at once', () => {
  misconduct.flood('walter')
  expect(dropped).toEqual([['walter', BAN_MS]])
  expect(lines).toHaveLength(1)
})

test('REFUSED_STREAMS_PER_STRIKE streams above a limit are one breach', () => {
  for (let i = 0; i < (MAX_STRIKES + 1) * REFUSED_STREAMS_PER_STRIKE - 1; i++) misconduct.streamRefused('walter')
  expect(dropped).toEqual([])
  misconduct.streamRefused('walter')
  expect(dropped).toEqual([['walter', BAN_MS]])
})

test('no more than MAX_WATCHED_PEERS are kept in mind; those that behaved longest are forgotten first', () => {
  breach('walter', MAX_STRIKES)
  breach('donny', MAX_STRIKES - 1)
  for (let i = 0; i < MAX_WATCHED_PEERS - 2; i++) breach(`peer ${i}`, 1)
  breach('donny', 1)
  breach('one more', 1)
  breach('walter', 1)
  expect(dropped).toEqual([])
  breach('donny', 1)
  expect(dropped).toEqual([['donny', BAN_MS]])
})

test('everything is counted', () => {
  breach('walter', MAX_STRIKES + 2)
  misconduct.streamRefused('donny')
  expect(stats.read().refused).toEqual({
    calls: 0,
    streams: 1,
    protocolErrors: MAX_STRIKES + 2,
    peersDropped: 1,
    traces: 0,
  })
})
