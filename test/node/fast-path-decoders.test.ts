import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Parts, TAG_BYTES } from '../../node/fast-path/ciphers.ts'
import { MuxDecoder } from '../../node/fast-path/mux-decoder.ts'
import { NoiseDecoder } from '../../node/fast-path/noise-decoder.ts'
import type { FrameHeader } from '../../node/fast-path/private-fields.ts'
import { seal } from '../../node/fast-path/sealer.ts'
import { header } from './fast-path-pair.ts'

/** A handshake whose ciphertext is the plaintext with a tag that says nothing. */
const plain = {
  encrypt: (plaintext: unknown): unknown => {
    if (!(plaintext instanceof Parts)) return Buffer.concat([plaintext as Uint8Array, Buffer.alloc(TAG_BYTES)])
    plaintext.parts = plaintext.parts.map((part) => new Uint8Array(part))
    plaintext.tag = Buffer.alloc(TAG_BYTES)
    return plaintext
  },
  decrypt: (ciphertext: unknown, target?: Uint8Array): unknown => {
    if (!(ciphertext instanceof Parts)) {
      target!.set((ciphertext as Uint8Array).subarray(0, target!.byteLength))
      return target
    }
    ciphertext.parts = ciphertext.parts.map((part) => new Uint8Array(part))
    return ciphertext
  },
}

function noiseFrames(wire: Uint8Array): number[] {
  const sizes: number[] = []
  for (let at = 0; at < wire.byteLength; at += 2 + sizes.at(-1)!) sizes.push((wire[at]! << 8) | wire[at + 1]!)
  return sizes
}

describe('seal', () => {
  test.each([
    [1, [17]],
    [511, [527]],
    [16_384, [16_400]],
    [65_519, [65_535]],
    [65_520, [32_776, 32_776]],
    [200_001, [50_017, 50_016, 50_016, 50_016]],
  ])('%d bytes leave as frames of even size', (bytes, sizes) => {
    const half = bytes >> 1
    const message = randomBytes(bytes)
    const wire = Buffer.concat(seal(plain, [message.subarray(0, half), message.subarray(half)], bytes))
    expect(noiseFrames(wire)).toEqual(sizes)
    const got: Uint8Array[] = []
    new NoiseDecoder(plain, (part) => got.push(part) > 0).push(wire)
    expect(Buffer.concat(got).equals(message)).toBe(true)
  })
})

describe('the noise decoder', () => {
  test('holds one frame at most, in memory of its size, however small the reads are', () => {
    const decoder = new NoiseDecoder(plain, () => true)
    const frame = Buffer.concat([Buffer.from([0xff, 0xff]), randomBytes(65_535)])
    for (const byte of frame.subarray(0, 60_000)) decoder.push(Uint8Array.of(byte))
    const partial = decoder.takePartial()
    expect([partial.byteLength, partial.buffer.byteLength]).toEqual([60_000, 65_537])
    expect(Buffer.from(partial).equals(frame.subarray(0, 60_000))).toBe(true)
    expect(decoder.takePartial().byteLength).toBe(0)
  })

  test('finds every frame wherever the reads are cut', () => {
    const messages = [1, 40, 600, 0, 3].map((size) => randomBytes(size))
    const wire = Buffer.concat(messages.flatMap((message) => seal(plain, [message], message.byteLength)))
    for (let first = 0; first <= wire.byteLength; first++) {
      const got: Uint8Array[] = []
      const decoder = new NoiseDecoder(plain, (part) => got.push(new Uint8Array(part)) > 0)
      const second = first + ((first * 7) % (wire.byteLength - first + 1))
      for (const read of [wire.slice(0, first), wire.slice(first, second), wire.slice(second)]) decoder.push(read)
      expect(Buffer.concat(got).equals(Buffer.concat(messages))).toBe(true)
    }
  })

  test('frees a large read when its frames are opened: small plaintext of it, handed on, has memory of its own', () => {
    const handedOn: Uint8Array[] = []
    const decoder = new NoiseDecoder(plain, (part) => handedOn.push(part) > 0)
    const frames = (...sizes: number[]): Uint8Array =>
      new Uint8Array(Buffer.concat(sizes.flatMap((size) => seal(plain, [randomBytes(size)], size))))
    const [large, mixed, cut] = [frames(9_000, 9_000), frames(9_000, 40, 9_000), frames(9_000, 9_000)]
    const [start, rest] = [cut.slice(0, 12_000), cut.slice(12_000)]
    decoder.push(large)
    decoder.push(mixed)
    decoder.push(start)
    // the start of a frame waits in it
    expect([large.byteLength, mixed.byteLength, start.byteLength]).toEqual([0, 0, 12_000])
    expect(handedOn.map(({ byteLength }) => byteLength)).toEqual([9_000, 9_000, 9_000, 40, 9_000, 9_000])
    decoder.push(rest)
    expect([start.byteLength, rest.byteLength]).toEqual([0, 0])
  })

  test('opens a small read in place', () => {
    const handedOn: Uint8Array[] = []
    const read = new Uint8Array(Buffer.concat(seal(plain, [randomBytes(40)], 40)))
    new NoiseDecoder(plain, (part) => handedOn.push(part) > 0).push(read)
    expect(handedOn.map(({ buffer }) => buffer)).toEqual([read.buffer])
  })

  test('stopped, it gives the frames that are left', () => {
    const wire = Buffer.concat([1, 2, 3].flatMap((size) => seal(plain, [randomBytes(size)], size)))
    const got: number[] = []
    const left = new NoiseDecoder(plain, (part) => got.push(part.byteLength) < 2).push(wire)
    expect([got, left?.byteLength]).toEqual([[1, 2], 21])
  })
})

/** Collects what a {@link MuxDecoder} finds; data of stream 1 is taken as it comes, that of others is kept. */
function collector(stopAfter = Number.POSITIVE_INFINITY): {
  decoder: MuxDecoder
  taken: Uint8Array[]
  frames: [FrameHeader, number | undefined][]
} {
  const taken: Uint8Array[] = []
  const frames: [FrameHeader, number | undefined][] = []
  const decoder = new MuxDecoder({
    onDataHeader: ({ streamID }) => (streamID === 1 ? (bytes) => void taken.push(new Uint8Array(bytes)) : undefined),
    onFrame: (frame, data) => void frames.push([frame, data?.byteLength]),
    onBadHeader: () => {
      throw new Error('bad header')
    },
    goesOn: () => taken.length + frames.length < stopAfter,
  })
  return { decoder, taken, frames }
}

describe('the yamux decoder', () => {
  const message = randomBytes(30)
  const wire = Buffer.concat([
    header(0, 0, 1, 30),
    message,
    header(1, 0, 1, 0xffff_fffe),
    header(0, 2, 3, 4),
    Buffer.from('kept'),
    header(0, 2, 5, 0),
    header(0, 0, 1, 0),
    header(2, 1, 0, 7),
  ])

  test('finds every frame wherever the bytes are cut', () => {
    for (let first = 0; first <= wire.byteLength; first++) {
      const { decoder, taken, frames } = collector()
      expect(decoder.push(wire.subarray(0, first))).toBe(undefined)
      expect(decoder.push(wire.subarray(first))).toBe(undefined)
      expect(Buffer.concat(taken).equals(message)).toBe(true)
      expect(frames).toEqual([
        [{ type: 1, flag: 0, streamID: 1, length: 0xffff_fffe }, undefined],
        [{ type: 0, flag: 2, streamID: 3, length: 4 }, 4],
        [{ type: 0, flag: 2, streamID: 5, length: 0 }, 0],
        [{ type: 2, flag: 1, streamID: 0, length: 7 }, undefined],
      ])
    }
  })

  test('stopped anywhere, what it gives up and what it did not take are the rest of the same frames', () => {
    for (let first = 1; first < wire.byteLength; first++) {
      const { decoder, taken, frames } = collector()
      decoder.push(wire.subarray(0, first))
      const rest = Buffer.concat([decoder.takePartial(), wire.subarray(first)])
      const next = collector()
      next.decoder.push(rest)
      expect(Buffer.concat([...taken, ...next.taken]).equals(message)).toBe(true)
      expect(frames.length + next.frames.length).toBe(4)
      expect(decoder.takePartial().byteLength).toBe(0)
    }
    const { decoder } = collector(1)
    expect(decoder.push(wire)?.byteLength).toBe(wire.byteLength - 42)
  })

  test('a header of another version is refused', () => {
    expect(() => collector().decoder.push(header(0, 0, 1, 1, 1))).toThrow('bad header')
  })
})
