import { LimitExceeded } from '../node/errors.ts'
import { type Encoded, encodeInPlace } from './codec.ts'

/** Bytes of a frame's length, which goes before it. */
export const HEADER_BYTES = 4
/** Bytes of memory that a writer takes at a time: by what its batches need, within these. */
const MIN_SLAB_BYTES = 512
const MAX_SLAB_BYTES = 64 * 1024
/** Characters up to which a loop writes a text faster than a call into the platform does. */
const LOOP_TEXT = 64
/** Numbers below it are one byte in msgpack; msgpackr takes the upper half of those for its records. */
const ONE_BYTE = 0x40

/**
 * Frames, each with a four-byte big-endian length, written one behind the other into memory that is sent as it is.
 *
 * What most frames consist of (numbers, texts, `true`, `null`) is written here; for all other values msgpackr writes
 * and the bytes are copied. Sent memory is never written again: whoever sends it may hold on to it.
 */
export class FrameWriter {
  readonly #limit: number
  #slab: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  /** Where the frame that is being written begins. */
  #frame = 0

  /** @param limit bytes of one frame, header excluded */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that wait to be taken. */
  get length(): number {
    return this.#end - this.#start
  }

  /** Begins a frame. */
  open(): void {
    this.#frame = this.#end
    this.#reserve(HEADER_BYTES)
    this.#end += HEADER_BYTES
  }

  /**
   * Ends the frame; gives its size, header excluded.
   *
   * @throws LimitExceeded when it is above the limit; it is taken back then
   */
  close(limit: number = this.#limit): number {
    const size = this.#end - this.#frame - HEADER_BYTES
    if (size > limit) {
      this.undo()
      throw tooLarge(size, limit)
    }
    const slab = this.#slab
    const at = this.#frame
    slab[at] = size >>> 24
    slab[at + 1] = size >>> 16
    slab[at + 2] = size >>> 8
    slab[at + 3] = size
    return size
  }

  /** Ends a frame whose last bytes were not written here; they follow what {@link waiting} gives. */
  closeBefore(bytes: number): number {
    const size = this.#end - this.#frame - HEADER_BYTES + bytes
    if (size > this.#limit) {
      this.undo()
      throw tooLarge(size, this.#limit)
    }
    this.#slab.writeUInt32BE(size, this.#frame)
    return size
  }

  /** What {@link take} would give now. */
  get waiting(): Uint8Array {
    return this.#slab.subarray(this.#start, this.#end)
  }

  /** Takes back the frame that is being written, or was written last. */
  undo(): void {
    this.#end = this.#frame
  }

  /** Everything that was written since the last time. */
  take(): Uint8Array {
    const bytes = this.waiting
    if (this.#end > MAX_SLAB_BYTES) this.#slab = Buffer.alloc(0)
    this.#start = this.#frame = this.#end = this.#slab.length === 0 ? 0 : this.#end
    return bytes
  }

  clear(): void {
    this.#slab = Buffer.alloc(0)
    this.#start = this.#frame = this.#end = 0
  }

  /** The head of an array; its elements follow. */
  array(length: number): void {
    this.#reserve(5)
    if (length < 16) this.#slab[this.#end++] = 0x90 | length
    else {
      this.#slab[this.#end++] = 0xdd
      this.#end = this.#slab.writeUInt32BE(length, this.#end)
    }
  }

  /** Any value that can travel. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#number(value)
      case 'boolean':
        this.#reserve(1)
        this.#slab[this.#end++] = value ? 0xc3 : 0xc2
        return
      case 'undefined':
        this.#reserve(3)
        this.#slab[this.#end++] = 0xd4
        this.#slab[this.#end++] = 0
        this.#slab[this.#end++] = 0
        return
      default:
        if (value !== null) return this.#other(value)
        this.#reserve(1)
        this.#slab[this.#end++] = 0xc0
    }
  }

  /** A value that is encoded already. */
  encoded(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength)
    this.#slab.set(bytes, this.#end)
    this.#end += bytes.byteLength
  }

  #number(value: number): void {
    this.#reserve(9)
    const slab = this.#slab
    if (value >>> 0 !== value || Object.is(value, -0)) {
      slab[this.#end++] = 0xcb
      this.#end = slab.writeDoubleBE(value, this.#end)
    } else if (value < ONE_BYTE) slab[this.#end++] = value
    else if (value < 0x100) {
      slab[this.#end++] = 0xcc
      slab[this.#end++] = value
    } else if (value < 0x10000) {
      slab[this.#end++] = 0xcd
      slab[this.#end++] = value >>> 8
      slab[this.#end++] = value
    } else {
      slab[this.#end++] = 0xce
      slab[this.#end++] = value >>> 24
      slab[this.#end++] = value >>> 16
      slab[this.#end++] = value >>> 8
      slab[this.#end++] = value
    }
  }

  #text(text: string): void {
    if (text.length > this.#limit) throw tooLarge(text.length, this.#limit)
    const most = text.length * 3
    this.#reserve(most + 5)
    if (text.length > LOOP_TEXT || !this.#ascii(text)) this.#utf8(text, most)
  }

  /** Writes a short text of ASCII; gives false, having written nothing, for another one. */
  #ascii(text: string): boolean {
    const slab = this.#slab
    const { length } = text
    let at = this.#end
    if (length < 32) slab[at++] = 0xa0 | length
    else {
      slab[at++] = 0xd9
      slab[at++] = length
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      slab[at++] = code
    }
    this.#end = at
    return true
  }

  /** Its head has room for the most bytes that the text may become. */
  #utf8(text: string, most: number): void {
    const slab = this.#slab
    const at = this.#end
    if (most < 0x100) {
      slab[at] = 0xd9
      const bytes = slab.write(text, at + 2)
      slab[at + 1] = bytes
      this.#end = at + 2 + bytes
    } else if (most < 0x10000) {
      slab[at] = 0xda
      const bytes = slab.write(text, at + 3)
      slab.writeUInt16BE(bytes, at + 1)
      this.#end = at + 3 + bytes
    } else {
      slab[at] = 0xdb
      const bytes = slab.write(text, at + 5)
      slab.writeUInt32BE(bytes, at + 1)
      this.#end = at + 5 + bytes
    }
  }

  #other(value: unknown): void {
    const { bytes, start, end }: Encoded = encodeInPlace(value)
    const size = end - start
    this.#reserve(size)
    const slab = this.#slab
    if (size > LOOP_TEXT) slab.set(bytes.subarray(start, end), this.#end)
    else for (let i = start, at = this.#end; i < end; i++) slab[at++] = bytes[i]!
    this.#end += size
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes > this.#slab.length) this.#grow(bytes)
  }

  /** A new piece of memory, with what was not sent yet at its beginning. */
  #grow(bytes: number): void {
    const waiting = this.#end - this.#start
    const wanted = Math.max(MIN_SLAB_BYTES, Math.min(MAX_SLAB_BYTES, 8 * (waiting + bytes)))
    const slab = Buffer.allocUnsafe(Math.max(wanted, 2 * waiting + bytes))
    slab.set(this.#slab.subarray(this.#start, this.#end))
    this.#frame -= this.#start
    this.#end = waiting
    this.#start = 0
    this.#slab = slab
  }
}

function tooLarge(size: number, limit: number): LimitExceeded {
  return new LimitExceeded(
    'MAX_FRAME_BYTES',
    `a message of ${size} bytes is above ${limit}: send it in pieces through a stream`,
  )
}
