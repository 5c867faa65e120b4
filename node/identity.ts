import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { InvalidArgument } from './errors.ts'

/** Who an actor is on the network: an Ed25519 key and the peer id made of it. */
export interface Identity {
  readonly privateKey: Ed25519PrivateKey
  readonly peerId: string
  /** Whether it was kept: an earlier process may have had it. */
  readonly resumed: boolean
}

/** Where a kept identity lives: reads the stored key, or stores the one that is offered and reads that back. */
export interface KeyStore {
  load(): Promise<Uint8Array | undefined>
  /** Stores unless there is a key already; gives the key that is stored afterwards. */
  store(key: Uint8Array): Promise<Uint8Array>
}

/**
 * A fresh identity, or the one kept in a store.
 *
 * @throws InvalidArgument when the store holds something that is no Ed25519 key
 */
export async function openIdentity(keys?: KeyStore): Promise<Identity> {
  const kept = await keys?.load()
  if (kept !== undefined) return { ...decode(kept), resumed: true }
  const privateKey = await generateKeyPair('Ed25519')
  if (keys !== undefined) return decode(await keys.store(privateKeyToProtobuf(privateKey)))
  return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString(), resumed: false }
}

function decode(bytes: Uint8Array): Identity {
  try {
    const privateKey = privateKeyFromProtobuf(bytes)
    if (privateKey.type === 'Ed25519')
      return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString(), resumed: false }
  } catch (cause) {
    throw new InvalidArgument('the kept identity cannot be read: delete its file to get a new one', { cause })
  }
  throw new InvalidArgument('the kept identity is not an Ed25519 key: delete its file to get a new one')
}
