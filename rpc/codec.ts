import { Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE, Unpackr } from 'msgpackr'
import { ProtocolError } from '../node/errors.ts'

/** Bytes of memory that the encoder keeps between values. */
const MAX_KEPT_BYTES = 256 * 1024
const FIRST_KEPT_BYTES = 8 * 1024

// `structuredClone` is not only for cycles: without it msgpackr 2.1.3 packs bytes of earlier messages into typed
// arrays. Objects travel as msgpackr's records, defined anew in each message: as plain msgpack maps they could not be
// told from a Map, and cycles among them do not decode.
// `toJSON` is not called: `structuredClone` does not either.
const packr = new Packr({ structuredClone: true, useToJSON: false })
// One of its own, so that what peers define never meets what is encoded here. `copyBuffers` keeps decoded bytes from
// sharing (and pinning) the network chunk that they arrived in.
const unpackr = new Unpackr({ structuredClone: true, mapsAsObjects: false, copyBuffers: true })

/** Where an encoded value lies in memory that the next one is written into as well. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** One value as msgpack with msgpackr's record and structured-clone extensions; each message stands by itself. */
export function encode(value: unknown): Uint8Array {
  return packr.pack(value)
}

/** Like {@link encode}, without memory of its own: to be copied before anything else is encoded. */
export function encodeInPlace(value: unknown): Encoded {
  // Typed for callers that know nothing of the modes: with them it gives its whole buffer, with `start` and `end` set.
  const whole = packr.pack(value, REUSE_BUFFER_MODE | RESET_BUFFER_MODE) as Buffer & { start?: number; end?: number }
  const { start, end } = whole
  // Values that refer to themselves come as bytes of their own.
  if (start === undefined || end === undefined) return { bytes: whole, start: 0, end: whole.byteLength }
  if (whole.byteLength > MAX_KEPT_BYTES) packr.useBuffer(Buffer.allocUnsafeSlow(FIRST_KEPT_BYTES))
  return { bytes: whole, start, end }
}

/** @throws ProtocolError when the bytes are not one well-formed value */
export function decode(bytes: Uint8Array): unknown {
  first.end = 0
  try {
    // Not `unpack`: of bytes that follow a value it makes an error message by `JSON.stringify`, and 300 bytes of shared
    // references are a value whose JSON takes minutes.
    unpackr.unpackMultiple(bytes, takeFirst)
  } catch (cause) {
    throw new ProtocolError(`${bytes.byteLength} bytes do not decode as msgpack`, { cause })
  }
  const { value, end } = first
  first.value = undefined
  if (end !== bytes.byteLength)
    throw new ProtocolError(`${bytes.byteLength} bytes do not decode as msgpack: the value ends after ${end}`)
  return value
}

const first: { value: unknown; end: number } = { value: undefined, end: 0 }

function takeFirst(value: unknown, _start?: number, end = 0): boolean {
  first.value = value
  first.end = end
  return false
}
