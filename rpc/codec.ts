import { addExtension, Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE, Unpackr } from 'msgpackr'
import { ProtocolError } from '../node/errors.ts'
import { carryErrors } from './error-extension.ts'
import { fromGraph } from './graph-value.ts'
import { ValueGraph } from './value-graph.ts'

/** Bytes of memory that the encoder keeps between values. */
const MAX_KEPT_BYTES = 256 * 1024
const FIRST_KEPT_BYTES = 8 * 1024

// References are off: what needs them is a graph, and for a decoder that follows them a few hostile bytes become a huge
// value. Objects travel as msgpackr's records, defined anew in each message: as plain msgpack maps they could not be
// told from a Map. Without `moreTypes` msgpackr 2.1.3 packs bytes of earlier messages into typed arrays. `toJSON` is
// not called: `structuredClone` does not either.
const packr = new Packr({ moreTypes: true, useToJSON: false })
// One of its own, so that what peers define never meets what is encoded here. `copyBuffers` keeps decoded bytes from
// sharing (and pinning) the network chunk that they arrived in.
const unpackr = new Unpackr({ structuredClone: false, mapsAsObjects: false, copyBuffers: true })
// As for `structuredClone`, a Buffer is bytes: what arrives is no Buffer.
addExtension({
  Class: Buffer,
  write: (bytes: Buffer) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
})
carryErrors(packr)
addExtension({ Class: ValueGraph, type: 0x67, write: ({ nodes }: ValueGraph) => nodes, read: fromGraph })

/** Where an encoded value lies in memory that the next one is written into as well. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/**
 * One value as msgpack with msgpackr's extensions; each message stands by itself.
 *
 * @param value a tree: what users give goes through `transferable()` first
 */
export function encode(value: unknown): Uint8Array {
  return packr.pack(value)
}

/** Like {@link encode}, without memory of its own: to be copied before anything else is encoded. */
export function encodeInPlace(value: unknown): Encoded {
  // Typed for callers that know nothing of the modes: with them it gives its whole buffer, with `start` and `end` set.
  const whole = packr.pack(value, REUSE_BUFFER_MODE | RESET_BUFFER_MODE) as Buffer & { start: number; end: number }
  const { start, end } = whole
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
