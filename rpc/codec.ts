import { Packr } from 'msgpackr'
import { ProtocolError } from '../node/errors.ts'

// `structuredClone` is not only for Map and Set: without it msgpackr 2.1.3 packs bytes of earlier messages into typed
// arrays. `copyBuffers` keeps decoded bytes from sharing (and pinning) the network chunk that they arrived in.
const packr = new Packr({ structuredClone: true, useRecords: false, copyBuffers: true })

/** One value as msgpack with the structured-clone extensions. */
export function encode(value: unknown): Uint8Array {
  return packr.pack(value)
}

/** @throws ProtocolError when the bytes are not one well-formed value */
export function decode(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes)
  } catch (cause) {
    throw new ProtocolError(`${bytes.byteLength} bytes do not decode as msgpack`, { cause })
  }
}
