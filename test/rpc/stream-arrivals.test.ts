import { afterEach, describe, expect, test, vi } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { ProtocolError } from '../../node/errors.ts'
import type { Channel } from '../../rpc/channel.ts'
import { offerLargeOutcome } from '../../rpc/large-values.ts'
import { HELLO, ITEM, PART_DATA, PART_RESULT, RESULT } from '../../rpc/protocol.ts'
import { ARRIVAL_TIMEOUT_MS, MAX_UNCLAIMED_STREAMS, StreamArrivals } from '../../rpc/stream-arrivals.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { framed } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

expectNothingLeft()

function open(): { arrivals: StreamArrivals; arrive: (peer: string, id?: number) => RecordingWire } {
  const arrivals = new StreamArrivals()
  return {
    arrivals,
    arrive: (peer, id) => {
      const wire = new RecordingWire()
      arrivals.accept(wire, peer)
      if (id !== undefined) wire.onData?.(framed([HELLO, id]))
      return wire
    },
  }
}

describe('a call and its stream find each other', () => {
  test('whichever comes first', async () => {
    const { arrivals, arrive } = open()
    const early = arrive('donny', 1)
    const first = await within('the early stream', arrivals.expect('donny', 1, PART_DATA, new CancelScope()))
    const expected = arrivals.expect('donny', 2, PART_DATA, new CancelScope())
    const late = arrive('donny', 2)
    const second = await within('the late stream', expected)
    early.onData?.(framed([ITEM, 'early']))
    late.onData?.(framed([ITEM, 'late']))
    expect(await first.next()).toMatchObject({ value: 'early' })
    expect(await second.next()).toMatchObject({ value: 'late' })
    arrivals.close()
  })

  test('never across peers, though the ids are the same', async () => {
    const { arrivals, arrive } = open()
    const scope = new CancelScope()
    const expected = arrivals.expect('donny', 1, PART_DATA, scope)
    arrive('walter', 1)
    scope.cancel('enough')
    await expect(within('the wait', expected)).rejects.toBe(scope.reason)
    arrivals.close()
  })

  test('a second stream for the same call is refused', async () => {
    const { arrivals, arrive } = open()
    const first = arrive('donny', 1)
    const second = arrive('donny', 1)
    expect([first.aborted, second.aborted]).toEqual([undefined, expect.any(ProtocolError)])
    arrivals.close()
  })

  test('a wait is a cancel point, and a stream that comes afterwards is nobody’s', async () => {
    const { arrivals, arrive } = open()
    const scope = new CancelScope()
    const expected = arrivals.expect('donny', 1, PART_DATA, scope)
    scope.cancel('enough')
    await expect(within('the wait', expected)).rejects.toBe(scope.reason)
    const wire = arrive('donny', 1)
    arrivals.close()
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('a stream that comes at the moment of the cancel is closed', async () => {
    const { arrivals, arrive } = open()
    const scope = new CancelScope()
    const expected = arrivals.expect('donny', 1, PART_DATA, scope)
    scope.cancel('enough')
    const wire = arrive('donny', 1)
    await expect(within('the wait', expected)).rejects.toBe(scope.reason)
    await Promise.resolve()
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
    arrivals.close()
  })
})

describe('MAX_UNCLAIMED_STREAMS', () => {
  test.each<[string, (i: number) => number | undefined]>([
    ['that say nothing', () => undefined],
    ['that say ids which nobody calls', (i) => 1_000 + i],
  ])('of one peer wait at most, streams %s; another peer still gets its own', async (_, id) => {
    const { arrivals, arrive } = open()
    const wires = Array.from({ length: MAX_UNCLAIMED_STREAMS + 50 }, (__, i) => arrive('hostile', id(i)))
    expect(wires.filter((wire) => wire.aborted !== undefined)).toHaveLength(50)
    arrive('donny', 1)
    await within('the stream of the other', arrivals.expect('donny', 1, PART_DATA, new CancelScope()))
    arrivals.close()
  })

  test('places are free again when streams close or are claimed', async () => {
    const { arrivals, arrive } = open()
    for (let round = 0; round < 3; round++) {
      const wires = Array.from({ length: MAX_UNCLAIMED_STREAMS }, (_, i) => arrive('donny', i % 2 ? i : undefined))
      expect(wires.every((wire) => wire.aborted === undefined)).toBe(true)
      for (const [i, wire] of wires.entries()) {
        if (i % 4 === 1) await arrivals.expect('donny', i, PART_DATA, new CancelScope())
        else wire.onClose?.(undefined)
      }
    }
    arrivals.close()
  })
})

describe('ARRIVAL_TIMEOUT_MS', () => {
  afterEach(() => void vi.useRealTimers())

  test('a call does not wait longer for its stream, nor a stream for its call', async () => {
    vi.useFakeTimers()
    const { arrivals, arrive } = open()
    const expected = arrivals.expect('donny', 1, PART_DATA, new CancelScope()).catch((error: unknown) => error)
    const silent = arrive('donny')
    const uncalled = arrive('donny', 2)
    const claimed = arrive('donny', 3)
    await arrivals.expect('donny', 3, PART_DATA, new CancelScope())
    await vi.advanceTimersByTimeAsync(ARRIVAL_TIMEOUT_MS - 1)
    expect([silent.aborted, uncalled.aborted]).toEqual([undefined, undefined])
    await vi.advanceTimersByTimeAsync(1)
    expect(await expected).toMatchObject({ message: 'the stream of the call did not arrive in time' })
    expect([silent.aborted, uncalled.aborted]).toEqual([expect.any(ProtocolError), expect.any(ProtocolError)])
    expect(claimed.aborted).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('the end of the actor closes what waits and rejects what is waited for', async () => {
  const { arrivals, arrive } = open()
  const wire = arrive('donny', 1)
  const silent = arrive('donny')
  const expected = arrivals.expect('donny', 2, PART_DATA, new CancelScope())
  arrivals.close()
  await expect(within('the wait', expected)).rejects.toThrow('the actor is ending')
  expect(wire.aborted).toBeInstanceOf(ProtocolError)
  silent.onClose?.(undefined)
})

test('a large outcome that nobody fetches is given up after ARRIVAL_TIMEOUT_MS', async () => {
  vi.useFakeTimers()
  const { arrivals } = open()
  const scope = new CancelScope()
  const announced = vi.fn()
  const expectPart = async (): Promise<Channel> => await arrivals.expect('donny', 7, PART_RESULT, scope)
  const offer = offerLargeOutcome([RESULT, 7, 'x'.repeat(1_000_000)], 'the result', announced, expectPart, scope)
  const given = vi.fn()
  offer.catch(given)
  await vi.advanceTimersByTimeAsync(ARRIVAL_TIMEOUT_MS - 1)
  expect([announced.mock.calls.length, given.mock.calls.length]).toEqual([1, 0])
  await vi.advanceTimersByTimeAsync(1)
  expect(given).toHaveBeenCalledWith(
    expect.objectContaining({ message: expect.stringMatching(/did not arrive in time/) }),
  )
  arrivals.close()
  vi.useRealTimers()
})
