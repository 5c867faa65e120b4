// Stands in for `@noble/curves/ed25519.js`, of which `@libp2p/crypto` takes one function on Node.
import { createPrivateKey, createPublicKey } from 'node:crypto'

/** What comes before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export const ed25519 = {
  getPublicKey(seed: Uint8Array): Uint8Array {
    const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
    return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
  },
}
