import { OPENSSL_FROM_BYTES, Parts, TAG_BYTES } from './ciphers.ts'
import type { NoiseConnection } from './private-fields.ts'
import { RELEASE_FROM_BYTES, release } from './release.ts'

const LENGTH_BYTES = 2

/**
 * Finds noise frames, `[2-byte length][ciphertext][16-byte tag]`, in what a socket reads and decrypts them.
 *
 * A frame that is split across two reads is decrypted in its two parts. One that comes in more is copied together as it
 * comes, so what waits here is bounded by one frame however small the reads are.
 */
export class NoiseDecoder {
  readonly #handshake: NoiseConnection['handshake']
  readonly #onPlaintext: (bytes: Uint8Array) => boolean
  /** The start of a frame whose rest has not come. */
  #partial: Uint8Array | undefined
  #filled = 0
  /** Whether `#partial` is memory of its own, as large as its frame, and not a view into an earlier read. */
  #owned = false
  /** The read that `#partial` is a view into, when nothing else of it is in use. */
  #held: Uint8Array | undefined
  /** Whether plaintext that was decrypted in place is in the current read. */
  #lent = false

  /** @param onPlaintext takes part of a frame; gives false to stop at the end of this frame */
  constructor(handshake: NoiseConnection['handshake'], onPlaintext: (bytes: Uint8Array) => boolean) {
    this.#handshake = handshake
    this.#onPlaintext = onPlaintext
  }

  /**
   * Takes one read, whose memory is freed as soon as nothing of it is in use; gives the frames that are left of it when it
   * was stopped.
   *
   * @throws Error when a frame is too short to hold a tag, or was tampered with
   */
  push(read: Uint8Array): Uint8Array | undefined {
    const partial = this.#partial
    if (partial === undefined) return this.#scan(read, 0)
    if (this.#filled < LENGTH_BYTES) {
      this.#partial = undefined
      this.#held = undefined
      return this.#scan(Buffer.concat([partial, read]), 0)
    }
    const frameBytes = LENGTH_BYTES + lengthAt(partial, 0)
    const missing = frameBytes - this.#filled
    if (read.byteLength < missing) {
      this.#own(partial, frameBytes).set(read, this.#filled)
      this.#filled += read.byteLength
      return undefined
    }
    this.#partial = undefined
    const rest = read.subarray(0, missing)
    let goOn: boolean
    if (this.#owned) {
      partial.set(rest, this.#filled)
      goOn = this.#open(partial.subarray(LENGTH_BYTES))
    } else {
      goOn = this.#openSplit(partial.subarray(LENGTH_BYTES), rest)
      if (this.#held !== undefined) release(this.#held)
    }
    this.#held = undefined
    return goOn ? this.#scan(read, missing) : read.subarray(missing)
  }

  /** Gives up what has come of a frame. */
  takePartial(): Uint8Array {
    const partial = this.#partial?.subarray(0, this.#filled) ?? new Uint8Array()
    this.#partial = undefined
    this.#held = undefined
    return partial
  }

  #scan(read: Uint8Array, from: number): Uint8Array | undefined {
    const end = read.byteLength
    let at = from
    this.#lent = false
    while (end - at >= LENGTH_BYTES) {
      const start = at + LENGTH_BYTES
      const next = start + lengthAt(read, at)
      if (next > end) break
      at = next
      if (!this.#open(read.subarray(start, next))) return read.subarray(next)
    }
    if (at < end) {
      this.#partial = read.subarray(at)
      this.#filled = end - at
      this.#owned = false
      this.#held = this.#lent ? undefined : read
    } else if (!this.#lent) {
      release(read)
    }
    return undefined
  }

  #own(partial: Uint8Array, frameBytes: number): Uint8Array {
    if (this.#owned) return partial
    const memory = new Uint8Array(frameBytes)
    memory.set(partial)
    this.#partial = memory
    this.#owned = true
    return memory
  }

  #open(frame: Uint8Array): boolean {
    const size = frame.byteLength - TAG_BYTES
    if (size < OPENSSL_FROM_BYTES) return this.#openSmall(frame)
    return this.#openParts([frame.subarray(0, size)], size, frame.subarray(size))
  }

  #openSmall(frame: Uint8Array): boolean {
    // the stock decoder passes over frames without even a tag
    if (frame.byteLength === 0) return true
    if (frame.byteLength < TAG_BYTES) throw new Error('Invalid chunk')
    return this.#onPlaintext(this.#handshake.decrypt(frame, this.#memoryFor(frame)) as Uint8Array)
  }

  /** A small frame is decrypted in place, unless that would keep a large read in memory for it. */
  #memoryFor(frame: Uint8Array): Uint8Array {
    const size = frame.byteLength - TAG_BYTES
    if (frame.buffer.byteLength >= RELEASE_FROM_BYTES) return Buffer.allocUnsafe(size)
    this.#lent = true
    return frame.subarray(0, size)
  }

  #openSplit(start: Uint8Array, end: Uint8Array): boolean {
    const size = start.byteLength + end.byteLength - TAG_BYTES
    if (size < OPENSSL_FROM_BYTES || end.byteLength < TAG_BYTES) return this.#open(Buffer.concat([start, end]))
    const parts = [start, end.subarray(0, end.byteLength - TAG_BYTES)]
    return this.#openParts(parts, size, end.subarray(end.byteLength - TAG_BYTES))
  }

  #openParts(ciphertext: Uint8Array[], size: number, tag: Uint8Array): boolean {
    const sealed = new Parts(ciphertext, size)
    sealed.tag = tag
    const { parts } = this.#handshake.decrypt(sealed) as Parts
    let goOn = true
    for (const part of parts) goOn = this.#onPlaintext(part) && goOn
    return goOn
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
