import { Packr, Unpackr } from 'msgpackr'

// The options of rpc/codec.ts, written anew: a floor that imported greenroom's codec would rise and fall with it.
const packr = new Packr({ moreTypes: true, useToJSON: false })
const unpackr = new Unpackr({ structuredClone: false, mapsAsObjects: false, copyBuffers: true })

export function encode(value: unknown): Uint8Array {
  return packr.pack(value)
}

export function decode(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes)
}
