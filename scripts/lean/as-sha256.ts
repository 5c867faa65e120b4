// Stands in for `@chainsafe/as-sha256`: a WebAssembly module that every start would compile, and that noise calls for
// nothing, because its own default is the same hash of OpenSSL.
import { hash } from 'node:crypto'

export function digest(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer')
}
