import { ProtocolError } from '../node/errors.ts'
import { BYTES_HEAD, type BytesFrame, bytesFrame } from './bytes-frame.ts'
import { decode } from './codec.ts'
import { HEADER_BYTES } from './frame-writer.ts'

/** Bytes of one frame, header excluded. */
export const MAX_FRAME_BYTES = 1024 * 1024
/** Bytes below which a piece of a frame is put together with the one before. */
const SMALL_BYTES = 1024

/** Receives what arrives; `bytes` is the frame's size on the wire. */
export interface FrameReceiver {
  onFrame(frame: unknown, bytes: number): void
  /**
   * Gets a frame before it is decoded: bytes `start` to `end`, which are the stream's and not to be kept. Gives whether
   * it has taken it; else it comes to `onFrame`. For the few shapes that most frames have.
   */
  onBytes?(bytes: Uint8Array, start: number, end: number): boolean
  /** Gets a frame that consists of nothing but bytes, with memory of their own; without it such a frame is decoded. */
  onBytesFrame?(frame: BytesFrame, bytes: number): void
}

/** Finds frames, each with a four-byte big-endian length, in bytes however they are split, and hands them up. */
export class FrameReader {
  readonly #receiver: FrameReceiver
  #stopped = false
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  #needed = HEADER_BYTES
  /** A frame of bytes that comes; what of it is there. */
  #filling: BytesFrame | undefined
  #filled = 0
  #whole = 0

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver
  }

  /** Which frame waits for its rest: a number of its own for each; 0 when none does. */
  get unfinished(): number {
    return this.#chunkBytes > 0 || this.#filling !== undefined ? this.#whole + 1 : 0
  }

  /** Hands up nothing any more, and forgets what waits. */
  stop(): void {
    this.#stopped = true
    this.#chunks = []
    this.#chunkBytes = 0
    this.#filling = undefined
  }

  /**
   * Takes bytes; gives whether some of them are kept where they are.
   *
   * @throws ProtocolError when they are no frames
   * @throws what the receiver throws
   */
  push(bytes: Uint8Array): boolean {
    let data = bytes
    if (this.#chunkBytes > 0) {
      this.#keep(bytes)
      this.#chunkBytes += bytes.byteLength
      if (this.#chunkBytes < this.#needed) return true
      data = concat(this.#chunks, this.#chunkBytes)
      this.#chunks = []
    }
    const at = this.#parse(data, this.#filling === undefined ? 0 : this.#fill(data, 0))
    this.#chunkBytes = this.#stopped || this.#filling !== undefined ? 0 : data.byteLength - at
    if (this.#chunkBytes > 0) this.#chunks.push(at === 0 ? data : data.subarray(at))
    return this.#chunkBytes > 0
  }

  /** Hands every complete frame up and gives how far it came. */
  #parse(data: Uint8Array, from: number): number {
    const receiver = this.#receiver
    let at = from
    while (!this.#stopped && this.#filling === undefined) {
      const left = data.byteLength - at
      this.#needed = HEADER_BYTES
      if (left < HEADER_BYTES) break
      const size = ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0
      if (size > MAX_FRAME_BYTES)
        throw new ProtocolError(`a frame of ${size} bytes was announced, above the limit of ${MAX_FRAME_BYTES}`)
      const start = at + HEADER_BYTES
      if (receiver.onBytesFrame !== undefined && left >= HEADER_BYTES + BYTES_HEAD) {
        this.#filling = bytesFrame(data, start, size)
        this.#filled = 0
        if (this.#filling !== undefined) {
          at = this.#fill(data, start + this.#filling.head)
          continue
        }
      }
      this.#needed = HEADER_BYTES + size
      if (left < this.#needed) break
      at = start + size
      this.#whole += 1
      if (receiver.onBytes?.(data, start, at) !== true) receiver.onFrame(decode(data.subarray(start, at)), size)
    }
    return at
  }

  /** Copies to where it belongs what has come of a frame of bytes; gives how far it came. */
  #fill(data: Uint8Array, from: number): number {
    const frame = this.#filling!
    const to = Math.min(data.byteLength, from + frame.bytes.byteLength - this.#filled)
    frame.bytes.set(data.subarray(from, to), this.#filled)
    this.#filled += to - from
    if (this.#filled < frame.bytes.byteLength) return to
    this.#filling = undefined
    this.#whole += 1
    this.#receiver.onBytesFrame!(frame, frame.head + frame.bytes.byteLength)
    return to
  }

  /** Small pieces are put together at once: a peer that sends byte by byte must not cost a network buffer each. */
  #keep(bytes: Uint8Array): void {
    const chunks = this.#chunks
    chunks.push(bytes)
    for (;;) {
      const last = chunks.at(-1)!
      const before = chunks.at(-2)
      if (before === undefined || last.byteLength >= SMALL_BYTES || before.byteLength > last.byteLength) return
      chunks.splice(-2, 2, concat([before, last], before.byteLength + last.byteLength))
    }
  }
}

function concat(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}
