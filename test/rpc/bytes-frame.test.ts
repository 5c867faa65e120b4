import { describe, expect, test } from 'vitest'
import { BYTES_HEAD, bytesFrame, bytesHead, MIN_PLAIN_BYTES, plainBytes } from '../../rpc/bytes-frame.ts'
import { decode, encode } from '../../rpc/codec.ts'
import { FrameStream, type FrameHandler } from '../../rpc/frame-stream.ts'
import { ITEM, MAX_PIECE_BYTES, PIECE } from '../../rpc/protocol.ts'
import type { Wire } from '../../rpc/wire.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

const LARGEST = MAX_PIECE_BYTES - BYTES_HEAD
const SIZES = [MIN_PLAIN_BYTES, 32 * 1024, 0xfffe, 0xffff, 0x10000, LARGEST]

function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i * 7)
}

function framed(...bodies: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const header = Buffer.alloc(4)
      header.writeUInt32BE(body.byteLength)
      return [header, body]
    }),
  )
}

describe('a frame of bytes', () => {
  test.each(SIZES)('of %i bytes is what the codec makes of it, and is read back from it', (size) => {
    const bytes = bytesOf(size)
    for (const type of [ITEM, PIECE] as const) {
      const whole = encode([type, bytes])
      const head = bytesHead(type, size)
      expect(Buffer.compare(Buffer.concat([head, bytes]), whole)).toBe(0)
      expect(bytesFrame(whole, 0, whole.byteLength)).toMatchObject({ type, head: head.byteLength })
      expect(bytesFrame(whole, 0, whole.byteLength)?.bytes.byteLength).toBe(size)
    }
  })

  test.each([
    ['another typed array', [ITEM, new Int8Array(4_096)]],
    ['another type of frame', [ITEM + 100, bytesOf(4_096)]],
    ['a field that follows', [PIECE, bytesOf(4_096), 1_000_000]],
    ['few bytes', [ITEM, bytesOf(MIN_PLAIN_BYTES - 1)]],
    ['more than a piece may have', [ITEM, bytesOf(MAX_PIECE_BYTES)]],
    ['a text', [ITEM, 'x'.repeat(4_096)]],
  ])('is not seen in %s', (_, frame) => {
    const body = encode(frame)
    expect(bytesFrame(body, 0, body.byteLength)).toBeUndefined()
  })

  test('that announces another length inside than outside is left to the codec, which refuses it', () => {
    const body = encode([ITEM, bytesOf(4_096)])
    expect(bytesFrame(body, 0, body.byteLength + 1)).toBeUndefined()
    expect(() => decode(Buffer.concat([body, Uint8Array.of(0)]))).toThrow('do not decode')
  })
})

describe('bytes are sent without the codec', () => {
  test('when they are bytes and nothing else', () => {
    const bytes = bytesOf(4_096)
    expect(plainBytes(bytes)).toBe(bytes)
    expect(plainBytes(Buffer.from(bytes))).toBeInstanceOf(Buffer)
  })

  class Own extends Uint8Array {}
  const transferred = bytesOf(4_096)
  structuredClone(transferred, { transfer: [transferred.buffer as ArrayBuffer] })
  test.each([
    ['a subclass', new Own(4_096)],
    ['another view', new Uint16Array(4_096)],
    ['memory that is shared', new Uint8Array(new SharedArrayBuffer(4_096))],
    ['memory that can be resized', new Uint8Array(new ArrayBuffer(4_096, { maxByteLength: 8_192 }))],
    ['memory that was transferred away', transferred],
    ['too few', new Uint8Array(MIN_PLAIN_BYTES - 1)],
    ['too many', new Uint8Array(LARGEST + 1)],
    ['a text', 'x'.repeat(4_096)],
  ])('which %s is not', (_, value) => {
    expect(plainBytes(value)).toBeUndefined()
  })
})

describe('a frame stream', () => {
  const body = (size: number): Uint8Array => encode([ITEM, bytesOf(size)])

  test.each([1, 2, 3, 5, 13, 14, 1_000, 40_000, 200_000])(
    'reads frames of bytes that come %i bytes at a time',
    (step) => {
      const got: unknown[] = []
      const wire = new RecordingWire()
      new FrameStream(wire, {
        onFrame: (frame) => got.push(frame),
        onBytesFrame: ({ type, bytes }, size) => got.push([type, bytes, size]),
        onClose: () => {},
      } satisfies FrameHandler)
      const sizes = [MIN_PLAIN_BYTES, 0xfffe]
      const all = framed(encode([PIECE, 'before']), ...sizes.map(body), encode([PIECE, 'after']))
      for (let at = 0; at < all.byteLength; at += step) {
        const part = all.slice(at, at + step)
        // memory that the stream says it has left is used for other things
        if (wire.onData?.(part) === false) part.fill(0)
      }
      expect(got).toEqual([
        [PIECE, 'before'],
        ...sizes.map((size) => [ITEM, bytesOf(size), body(size).byteLength]),
        [PIECE, 'after'],
      ])
    },
  )

  test('sends large bytes at once and as they lie, behind what waits, where the wire can', () => {
    const sent: Uint8Array[] = []
    const recording = new RecordingWire()
    const wire: Wire = Object.assign(recording, {
      sendParts: (parts: readonly Uint8Array[]): boolean => sent.push(...parts) > 0,
    })
    const stream = new FrameStream(wire, { onFrame: () => {}, onClose: () => {} }, 'turn')
    const bytes = bytesOf(0x10000)
    stream.send([PIECE, 'before'])
    const size = stream.sendParts(bytesHead(ITEM, bytes.byteLength), bytes)
    expect(sent[1]).toBe(bytes)
    const whole = encode([ITEM, bytes])
    expect(size).toBe(whole.byteLength)
    expect(Buffer.concat(sent)).toEqual(framed(encode([PIECE, 'before']), whole))
  })

  test('sends a copy of bytes when the wire cannot take them now', () => {
    const recording = new RecordingWire()
    const wire: Wire = Object.assign(recording, { sendParts: () => undefined })
    const stream = new FrameStream(wire, { onFrame: () => {}, onClose: () => {} }, 'turn')
    const bytes = bytesOf(0x10000)
    const whole = encode([ITEM, bytes])
    stream.sendParts(bytesHead(ITEM, bytes.byteLength), bytes)
    bytes.fill(0)
    stream.flush()
    expect(Buffer.concat(recording.sent)).toEqual(Buffer.from(framed(whole)))
  })
})
