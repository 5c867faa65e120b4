// Stands in for the JavaScript cryptography of `@libp2p/noise`, of which all but this function gives way to OpenSSL and
// WebAssembly there: curves and ciphers that nobody calls.
import { hkdfSync } from 'node:crypto'

export const pureJsCrypto = {
  /** HKDF (RFC 5869) with SHA-256, three keys, no info. */
  getHKDF(chainingKey: Uint8Array, material: Uint8Array): Uint8Array[] {
    const keys = new Uint8Array(hkdfSync('sha256', material, chainingKey, new Uint8Array(), 96))
    return [keys.subarray(0, 32), keys.subarray(32, 64), keys.subarray(64, 96)]
  },
}
