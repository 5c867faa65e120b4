import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'

/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64

/** Ed25519 at once: libp2p's own sign may answer with a promise. */
export function signBytes(bytes: Uint8Array, { raw, publicKey }: Ed25519PrivateKey): Uint8Array {
  // a libp2p private key is the 32-byte seed followed by the public key
  const key = createPrivateKey({
    key: { kty: 'OKP', crv: 'Ed25519', d: base64url(raw.subarray(0, 32)), x: base64url(publicKey.raw) },
    format: 'jwk',
  })
  return new Uint8Array(sign(null, bytes, key))
}

/** Whether the owner of a peer id has signed these bytes. @throws Error when it is no Ed25519 peer id */
export function isSignedBy(peerId: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKeyIn(peerId)) },
    format: 'jwk',
  })
  return verify(null, bytes, key, signature)
}

/** The key inside a peer id. @throws Error when it is no Ed25519 peer id in its usual spelling */
export function publicKeyIn(text: string): Uint8Array {
  const peerId = peerIdFromString(text)
  // one key must not have two names: only the usual spelling counts
  if (peerId.type !== 'Ed25519' || peerId.toString() !== text) throw new Error('it is no Ed25519 peer id')
  return peerId.publicKey.raw
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
