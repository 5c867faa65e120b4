import { Packr, Unpackr } from 'msgpackr'
import { ProtocolError } from '../node/errors.ts'

// `structuredClone` is not only for cycles: without it msgpackr 2.1.3 packs bytes of earlier messages into typed
// arrays. Objects travel as msgpackr's records, defined anew in each message: as plain msgpack maps they could not be
// told from a Map, and cycles among them do not decode.
// `toJSON` is not called: `structuredClone` does not either.
const packr = new Packr({ structuredClone: true, useToJSON: false })
// One of its own, so that what peers define never meets what is encoded here. `copyBuffers` keeps decoded bytes from
// sharing (and pinning) the network chunk that they arrived in.
const unpackr = new Unpackr({ structuredClone: true, mapsAsObjects: false, copyBuffers: true })

/** One value as msgpack with msgpackr's record and structured-clone extensions; each message stands by itself. */
export function encode(value: unknown): Uint8Array {
  return packr.pack(value)
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
