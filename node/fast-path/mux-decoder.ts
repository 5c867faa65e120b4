import type { BytesListener } from './on-bytes.ts'
import type { FrameHeader } from './private-fields.ts'

export const HEADER_BYTES = 12
export const DATA = 0
export const WINDOW_UPDATE = 1

/** What {@link MuxDecoder} does with frames. */
export interface MuxHandler {
  /**
   * Called at the header of a data frame: where its bytes go as they come, or nothing when the
   * frame is to be kept until it is whole.
   *
   * @throws Error when the frame is larger than it may be
   */
  onDataHeader(header: FrameHeader): BytesListener | undefined
  /** A frame that has no bytes, or a data frame that was kept until it was whole. */
  onFrame(header: FrameHeader, data: Uint8Array | undefined): void
  /** A header that is not of this version of yamux; throws. */
  onBadHeader(header: Uint8Array): void
  /** Asked after each frame, or part of one; false stops. */
  goesOn(): boolean
}

/**
 * Finds yamux frames in decrypted bytes, however they are split. What waits here is bounded: a header, or one data frame
 * that the handler asked to keep.
 */
export class MuxDecoder {
  readonly #handler: MuxHandler
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerBytes = 0
  /** Bytes of the current data frame that have not come. */
  #left = 0
  #frame: FrameHeader | undefined
  #take: BytesListener | undefined
  #lent = false
  #kept: Uint8Array | undefined

  constructor(handler: MuxHandler) {
    this.#handler = handler
  }

  /**
   * Takes bytes; gives what is left of them when the handler stopped it.
   *
   * @throws what the handler throws
   */
  push(bytes: Uint8Array): Uint8Array | undefined {
    const end = bytes.byteLength
    let at = 0
    while (at < end) {
      if (this.#left > 0) {
        const part = at === 0 && end <= this.#left ? bytes : bytes.subarray(at, Math.min(end, at + this.#left))
        at += part.byteLength
        this.#body(part)
      } else {
        let header = bytes
        let from = at
        if (this.#headerBytes > 0 || end - at < HEADER_BYTES) {
          const part = bytes.subarray(at, at + HEADER_BYTES - this.#headerBytes)
          this.#header.set(part, this.#headerBytes)
          this.#headerBytes += part.byteLength
          at += part.byteLength
          if (this.#headerBytes < HEADER_BYTES) return undefined
          this.#headerBytes = 0
          header = this.#header
          from = 0
        } else {
          at += HEADER_BYTES
        }
        if (header[from] !== 0) this.#handler.onBadHeader(header.subarray(from, from + HEADER_BYTES))
        this.#begin(parseHeader(header, from))
      }
      if (!this.#handler.goesOn()) return bytes.subarray(at)
    }
    return undefined
  }

  /** Whether the memory of what was pushed since the last time is in use. */
  takeLent(): boolean {
    const lent = this.#lent
    this.#lent = false
    return lent
  }

  /** Gives up what has come of a frame and was not handed on, as bytes that begin a frame. */
  takePartial(): Uint8Array {
    if (this.#frame === undefined || this.#left === 0) {
      const partial = this.#header.slice(0, this.#headerBytes)
      this.#headerBytes = 0
      return partial
    }
    const kept = this.#kept?.subarray(0, this.#kept.byteLength - this.#left) ?? new Uint8Array()
    const partial = new Uint8Array(HEADER_BYTES + kept.byteLength)
    writeHeader(partial, { ...this.#frame, length: kept.byteLength + this.#left })
    partial.set(kept, HEADER_BYTES)
    this.#left = 0
    this.#kept = undefined
    return partial
  }

  #begin(header: FrameHeader): void {
    if (header.type !== DATA) {
      this.#handler.onFrame(header, undefined)
      return
    }
    this.#take = this.#handler.onDataHeader(header)
    this.#frame = header
    this.#left = header.length
    if (this.#take !== undefined) return
    this.#kept = new Uint8Array(header.length)
    if (header.length === 0) this.#finish()
  }

  #body(part: Uint8Array): void {
    const left = this.#left
    this.#left -= part.byteLength
    if (this.#kept === undefined) {
      if (this.#take!(part) !== false) this.#lent = true
      return
    }
    this.#kept.set(part, this.#kept.byteLength - left)
    if (this.#left === 0) this.#finish()
  }

  #finish(): void {
    const data = this.#kept
    this.#kept = undefined
    this.#handler.onFrame(this.#frame!, data)
  }
}

function parseHeader(bytes: Uint8Array, at: number): FrameHeader {
  return {
    type: bytes[at + 1]!,
    flag: (bytes[at + 2]! << 8) | bytes[at + 3]!,
    streamID: uint32(bytes, at + 4),
    length: uint32(bytes, at + 8),
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** Writes a yamux header at the start of `target`. */
export function writeHeader(target: Uint8Array, { type, flag, streamID, length }: FrameHeader): void {
  target[0] = 0
  target[1] = type
  target[2] = flag >>> 8
  target[3] = flag
  target[4] = streamID >>> 24
  target[5] = streamID >>> 16
  target[6] = streamID >>> 8
  target[7] = streamID
  target[8] = length >>> 24
  target[9] = length >>> 16
  target[10] = length >>> 8
  target[11] = length
}
