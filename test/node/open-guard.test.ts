import type { StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { guardOpens, MAX_OPENS_AT_ONCE, OPENS_PER_SECOND } from '../../node/open-guard.ts'

interface Guarded {
  readonly opened: number[]
  readonly aborts: Error[]
  readonly flooded: object[]
  readonly muxer: StreamMuxer
  readonly open: (count: number) => void
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A multiplexer as yamux's is made, under guard. */
function guarded(): Guarded {
  const opened: number[] = []
  const aborts: Error[] = []
  const flooded: object[] = []
  const made = {
    status: 'open',
    incomingStream: (id: number) => opened.push(id),
    abort: (error: Error) => {
      made.status = 'closed'
      aborts.push(error)
    },
  }
  const factory = { protocol: 'test', createStreamMuxer: () => made } as unknown as StreamMuxerFactory
  const connection = { abort: (error: Error) => aborts.push(error) } as never
  const muxer = guardOpens(
    () => factory,
    (one) => flooded.push(one),
  )().createStreamMuxer(connection)
  const open = (count: number): void => {
    for (let i = 0; i < count; i++) made.incomingStream(i)
  }
  return { opened, aborts, flooded, muxer, open }
}

test('MAX_OPENS_AT_ONCE streams in one go are taken; one more cuts the peer off, once, and nothing more is taken', () => {
  const { open, opened, aborts, flooded, muxer } = guarded()
  open(MAX_OPENS_AT_ONCE)
  expect([opened.length, aborts, flooded]).toEqual([MAX_OPENS_AT_ONCE, [], []])
  open(100_000)
  expect(opened).toHaveLength(MAX_OPENS_AT_ONCE)
  expect(flooded).toEqual([muxer])
  expect(aborts).toHaveLength(2)
})

test('OPENS_PER_SECOND are taken for as long as they come', () => {
  const { open, opened, aborts } = guarded()
  open(MAX_OPENS_AT_ONCE)
  for (let i = 0; i < 1_000; i++) {
    vi.advanceTimersByTime(10)
    open(OPENS_PER_SECOND / 100)
  }
  expect([opened.length, aborts]).toEqual([MAX_OPENS_AT_ONCE + 10 * OPENS_PER_SECOND, []])
})

test('without the private field there is no guard, and everything else works', () => {
  const muxer = { status: 'open' } as unknown as StreamMuxer
  const factory: StreamMuxerFactory = { protocol: 'test', createStreamMuxer: () => muxer }
  expect(guardOpens(() => factory, () => {})().createStreamMuxer({} as never)).toBe(muxer) // oxfmt-ignore
})
