import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { describe, expect, test } from 'vitest'
import { InvalidArgument } from '../../node/errors.ts'
import { type KeyStore, openIdentity } from '../../node/identity.ts'

function memoryStore(key?: Uint8Array): KeyStore & { key: Uint8Array | undefined; stores: number } {
  const store = {
    key,
    stores: 0,
    load: () => Promise.resolve(store.key),
    store: (offered: Uint8Array) => {
      store.stores += 1
      return Promise.resolve((store.key ??= offered))
    },
  }
  return store
}

describe('without a store', () => {
  test('every identity is a fresh one', async () => {
    const [first, second] = [await openIdentity(), await openIdentity()]
    expect(first.peerId).not.toBe(second.peerId)
    expect(first.peerId).toMatch(/^12D3KooW/)
  })
})

describe('with a store', () => {
  test('the identity is kept: the second start has the first one', async () => {
    const store = memoryStore()
    const first = await openIdentity(store)
    expect((await openIdentity(store)).peerId).toBe(first.peerId)
    expect(store.stores).toBe(1)
  })

  test('of two starts at the same moment, both get the key that was stored first', async () => {
    const store = memoryStore()
    const [first, second] = await Promise.all([openIdentity(store), openIdentity(store)])
    expect(first.peerId).toBe(second.peerId)
  })

  test.each([
    ['nothing', new Uint8Array()],
    ['garbage', new Uint8Array([1, 2, 3, 4])],
    ['a truncated key', 'truncated'],
    ['a key of another kind', 'secp256k1'],
  ])('%s in it is refused, and the error says what to do', async (_, kept) => {
    const ed25519 = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
    const other = privateKeyToProtobuf(await generateKeyPair('secp256k1'))
    const bytes = kept === 'truncated' ? ed25519.subarray(0, 20) : kept === 'secp256k1' ? other : (kept as Uint8Array)
    const opened = openIdentity(memoryStore(bytes))
    await expect(opened).rejects.toBeInstanceOf(InvalidArgument)
    await expect(opened).rejects.toThrow('delete its file to get a new one')
  })
})
