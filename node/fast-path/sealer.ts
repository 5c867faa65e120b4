import { OPENSSL_FROM_BYTES, Parts, TAG_BYTES } from './ciphers.ts'
import type { NoiseConnection } from './private-fields.ts'
import { release } from './release.ts'

/** Bytes of a noise frame, its tag included: what two bytes of length can say. */
const MAX_NOISE_FRAME = 65_535
const MAX_PLAINTEXT = MAX_NOISE_FRAME - TAG_BYTES
const LENGTH_BYTES = 2
/** Bytes of a noise frame up to which joining its parts is cheaper than writing them one by one. */
const JOIN_UP_TO_BYTES = 16 * 1024

// Encrypting is synchronous, so one piece of memory serves all connections.
const scratch = new Uint8Array(JOIN_UP_TO_BYTES)

/**
 * Encrypts bytes as noise frames, gives what goes to the socket. More than a frame holds is split evenly: ciphers and
 * system calls cost less for two frames of 33 KB than for one of 65 KB and a rest.
 *
 * @throws what the handshake throws when its nonces are used up; nothing must be sent on the connection then
 */
export function seal(
  handshake: NoiseConnection['handshake'],
  parts: readonly Uint8Array[],
  bytes: number,
): Uint8Array[] {
  if (bytes <= JOIN_UP_TO_BYTES) return [sealJoined(handshake, parts, bytes)]
  const sealed: Uint8Array[] = []
  const frames = Math.ceil(bytes / MAX_PLAINTEXT)
  let left = bytes
  const rest = new Slices(parts)
  for (let frame = frames; frame > 0; frame--) {
    const size = Math.ceil(left / frame)
    left -= size
    const { parts: ciphertext, tag } = encrypt(handshake, rest.take(size), size)
    sealed.push(lengthPrefix(size + TAG_BYTES), ...ciphertext, tag!)
  }
  return sealed
}

/** `[length][ciphertext][tag]` of one small frame in one buffer. */
function sealJoined(handshake: NoiseConnection['handshake'], parts: readonly Uint8Array[], bytes: number): Uint8Array {
  let at = 0
  for (const part of parts) {
    scratch.set(part, at)
    at += part.byteLength
  }
  const size = bytes + TAG_BYTES
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + size)
  frame[0] = size >>> 8
  frame[1] = size
  const plaintext = scratch.subarray(0, bytes)
  if (bytes < OPENSSL_FROM_BYTES) {
    frame.set(handshake.encrypt(plaintext) as Uint8Array, LENGTH_BYTES)
  } else {
    const { parts: ciphertext, tag } = encrypt(handshake, [plaintext], bytes)
    frame.set(ciphertext[0]!, LENGTH_BYTES)
    release(ciphertext[0]!)
    frame.set(tag!, LENGTH_BYTES + bytes)
  }
  return frame
}

function encrypt(handshake: NoiseConnection['handshake'], parts: Uint8Array[], bytes: number): Parts {
  return handshake.encrypt(new Parts(parts, bytes)) as Parts
}

function lengthPrefix(size: number): Uint8Array {
  const prefix = Buffer.allocUnsafe(LENGTH_BYTES)
  prefix[0] = size >>> 8
  prefix[1] = size
  return prefix
}

/** Cuts a list of arrays into runs of given sizes without copying. */
class Slices {
  readonly #parts: readonly Uint8Array[]
  #part = 0
  #at = 0

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts
  }

  take(bytes: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    for (let left = bytes; left > 0;) {
      const part = this.#parts[this.#part]!
      const end = Math.min(part.byteLength, this.#at + left)
      if (end > this.#at) taken.push(part.subarray(this.#at, end))
      left -= end - this.#at
      this.#at = end
      if (end === part.byteLength) {
        this.#part += 1
        this.#at = 0
      }
    }
    return taken
  }
}
