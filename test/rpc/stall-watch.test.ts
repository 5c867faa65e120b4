import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Stream } from '@libp2p/interface'
import type { BytesFrame } from '../../rpc/bytes-frame.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import { ITEM } from '../../rpc/protocol.ts'
import { FRAME_TIMEOUT_MS, unwatchStall, watchStall } from '../../rpc/stall-watch.ts'
import { libp2pWire } from '../../rpc/wire.ts'
import { framed } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

/** How late it may be: a fifth, and the one that has begun. */
const LATEST_MS = FRAME_TIMEOUT_MS * 1.2

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.advanceTimersByTime(2 * LATEST_MS)
  const left = vi.getTimerCount()
  vi.useRealTimers()
  if (left > 0) throw new Error(`${left} timers are left`)
})

function opened(): { wire: RecordingWire; frames: unknown[] } {
  const wire = new RecordingWire()
  const frames: unknown[] = []
  new FrameStream(wire, { onFrame: (frame) => frames.push(frame), onClose: () => {} })
  return { wire, frames }
}

describe('a frame that began', () => {
  const frame = framed([1, 'a frame of some bytes'])

  test('and is not whole within FRAME_TIMEOUT_MS ends its stream, however its bytes trickle in', () => {
    const { wire } = opened()
    for (const byte of frame.subarray(0, 20)) {
      wire.onData!(Uint8Array.of(byte))
      vi.advanceTimersByTime(FRAME_TIMEOUT_MS / 20 - 1)
      expect(wire.aborted).toBeUndefined()
    }
    vi.advanceTimersByTime(LATEST_MS - FRAME_TIMEOUT_MS + 20)
    expect(wire.aborted?.message).toMatch(/not whole within 10000 ms/)
  })

  test('of nothing but bytes, whose memory is there from its start, has no more time than others', () => {
    const wire = new RecordingWire()
    const frames: number[] = []
    const onBytesFrame = (_: BytesFrame, bytes: number): number => frames.push(bytes)
    new FrameStream(wire, { onFrame: () => {}, onBytesFrame, onClose: () => {} })
    const bytes = framed([ITEM, new Uint8Array(4_096)])
    const trickle = (from: number, to: number, ms: number): void => {
      for (const byte of bytes.subarray(from, to)) {
        wire.onData!(Uint8Array.of(byte))
        vi.advanceTimersByTime(ms)
      }
    }
    wire.onData!(bytes.subarray(0, 2_000))
    vi.advanceTimersByTime(FRAME_TIMEOUT_MS - 1)
    wire.onData!(Buffer.concat([bytes.subarray(2_000), bytes.subarray(0, 2_000)]))
    trickle(2_000, 2_009, FRAME_TIMEOUT_MS / 10)
    expect([frames.length, wire.aborted]).toEqual([1, undefined])
    trickle(2_009, 2_013, FRAME_TIMEOUT_MS / 10)
    expect(wire.aborted?.message).toMatch(/not whole within 10000 ms/)
  })

  test.each([1, 3, 4, 5])('counts from its first byte: %i of its bytes are enough', (bytes) => {
    const { wire } = opened()
    wire.onData!(frame.subarray(0, bytes))
    vi.advanceTimersByTime(LATEST_MS)
    expect(wire.aborted).toBeInstanceOf(Error)
  })

  test('has its whole time, though one after another begins where the last one ended', () => {
    const { wire, frames } = opened()
    const twice = Buffer.concat([frame.subarray(10), frame.subarray(0, 10)])
    wire.onData!(frame.subarray(0, 10))
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(FRAME_TIMEOUT_MS - 1)
      wire.onData!(twice)
    }
    expect([frames.length, wire.aborted]).toEqual([10, undefined])
    wire.onData!(frame.subarray(10))
    vi.advanceTimersByTime(10 * FRAME_TIMEOUT_MS)
    expect([frames.length, wire.aborted]).toEqual([11, undefined])
  })

  test('is nobody’s business when its stream is gone', () => {
    const { wire } = opened()
    wire.onData!(frame.subarray(0, 10))
    wire.onClose!(undefined)
    vi.advanceTimersByTime(LATEST_MS)
    expect(wire.aborted).toBeUndefined()
  })

  test('holds one timer for all, and none when nothing waits', () => {
    expect(vi.getTimerCount()).toBe(0)
    const streams = Array.from({ length: 100 }, opened)
    for (const { wire } of streams) wire.onData!(frame.subarray(0, 10))
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(LATEST_MS)
    expect(streams.every(({ wire }) => wire.aborted !== undefined)).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('a stream without traffic between its frames is left alone', () => {
  const { wire } = opened()
  wire.onData!(framed(['one']))
  vi.advanceTimersByTime(100 * FRAME_TIMEOUT_MS)
  expect(wire.aborted).toBeUndefined()
})

test('who stops waiting is not called, and who is watched anew has the whole time again', () => {
  const calls: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ onStall: () => calls.push(name) }))
  for (const one of [a!, b!, c!]) watchStall(one)
  vi.advanceTimersByTime(FRAME_TIMEOUT_MS / 2)
  unwatchStall(a!)
  watchStall(b!)
  vi.advanceTimersByTime(LATEST_MS - FRAME_TIMEOUT_MS / 2)
  expect(calls).toEqual(['c'])
  vi.advanceTimersByTime(FRAME_TIMEOUT_MS / 2)
  expect(calls).toEqual(['c', 'b'])
})

describe('a stream that this side has ended', () => {
  /** As much of a libp2p stream as a wire uses. */
  function fakeStream(): { stream: Stream; aborts: Error[]; emit: (type: string) => void } {
    const target = new EventTarget()
    const aborts: Error[] = []
    const stream = Object.assign(target, {
      status: 'open',
      send: () => true,
      close: async () => {},
      abort: (error: Error) => aborts.push(error),
    }) as unknown as Stream
    return { stream, aborts, emit: (type) => target.dispatchEvent(new Event(type)) }
  }

  test('and the peer never ends is aborted after FRAME_TIMEOUT_MS', async () => {
    const { stream, aborts } = fakeStream()
    libp2pWire(stream).close()
    await vi.advanceTimersByTimeAsync(FRAME_TIMEOUT_MS - 1)
    expect(aborts).toEqual([])
    await vi.advanceTimersByTimeAsync(LATEST_MS - FRAME_TIMEOUT_MS + 1)
    expect(aborts).toHaveLength(1)
  })

  test('is left alone when the peer has ended it too', async () => {
    const { stream, aborts, emit } = fakeStream()
    libp2pWire(stream).close()
    await vi.advanceTimersByTimeAsync(1)
    emit('close')
    await vi.advanceTimersByTimeAsync(2 * LATEST_MS)
    expect(aborts).toEqual([])
  })
})
