import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, test } from 'vitest'
import { ipVersion, isIP, isIPv4, isIPv6 } from '../../scripts/lean/is-ip.ts'
import baseX from '../../scripts/lean/base-x.ts'
import { BUSY_FRAMES, ChaCha20Poly1305, isBusy } from '../../scripts/lean/as-chacha20poly1305.ts'
import { digest } from '../../scripts/lean/as-sha256.ts'
import { ed25519 } from '../../scripts/lean/ed25519.ts'
import { pureJsCrypto } from '../../scripts/lean/noise-crypto.ts'
import { secp256k1 } from '../../scripts/lean/secp256k1.ts'
import { leanModules } from '../../scripts/lean-modules.ts'
import { eventually } from '../support/eventually.ts'

/** What a module stands in for. */
async function original<T>(path: string): Promise<T> {
  return (await import(new URL(`../../node_modules/${path}`, import.meta.url).href)) as T
}

describe('what stands in for a module of a package does the same as that', () => {
  const inputs = [0, 1, 32, 63, 64, 65, 600].map((length) => new Uint8Array(randomBytes(length)))

  test('SHA-256', async () => {
    const theirs = await original<{ digest: typeof digest }>('@chainsafe/as-sha256/lib/index.js')
    for (const input of inputs)
      expect(Buffer.from(digest(input)).toString('hex')).toBe(Buffer.from(theirs.digest(input)).toString('hex'))
  })

  test('ChaCha20-Poly1305, with WebAssembly from BUSY_FRAMES small frames a second on', async () => {
    type Theirs = { ChaCha20Poly1305: new (wasm: unknown) => ChaCha20Poly1305; newInstance(): unknown }
    const { default: theirs } = await original<{ default: Theirs }>('@chainsafe/as-chacha20poly1305/lib/src/index.js')
    const stock = new theirs.ChaCha20Poly1305(theirs.newInstance())
    const ours = new ChaCha20Poly1305()
    const check = (): void => {
      for (const input of inputs)
        for (const ad of [new Uint8Array(), new Uint8Array(randomBytes(32))]) {
          const [key, nonce] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(12))]
          const sealed = ours.seal(key, nonce, input, ad)
          expect(sealed).toEqual(stock.seal(key, nonce, input, ad))
          expect(ours.open(key, nonce, sealed, ad)).toEqual(input)
          const target = new Uint8Array(input.length)
          expect(ours.open(key, nonce, sealed, ad, target)).toBe(target)
          expect(target).toEqual(input)
          sealed[0]! ^= 1
          expect(ours.open(key, nonce, sealed, ad)).toBe(null)
        }
    }
    check()
    expect(isBusy()).toBe(false)
    const [key, nonce, nothing] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array()]
    await eventually('WebAssembly has taken over', () => {
      for (let i = 0; i < BUSY_FRAMES; i++) ours.seal(key, nonce, nothing)
      return isBusy()
    })
    check()
  })

  test.each([
    ['base58btc', '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz', false],
    ['base36', '0123456789abcdefghijklmnopqrstuvwxyz', true],
    ['base10', '0123456789', false],
  ] as const)('%s', async (name, alphabet, caseInsensitive) => {
    const { default: theirs } = await original<{ default: typeof baseX }>('multiformats/dist/src/vendor/base-x.js')
    const [ours, stock] = [baseX(alphabet, name, caseInsensitive), theirs(alphabet, name, caseInsensitive)]
    const zeros = [1, 2, 9, 40].map((length) => new Uint8Array(length))
    const edges = [
      Uint8Array.of(0, 0, 1),
      Uint8Array.of(255),
      new Uint8Array(38).fill(255),
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    ]
    const random = Array.from({ length: 300 }, (_, i) => new Uint8Array(randomBytes(i % 70)))
    for (const input of [...inputs, ...zeros, ...edges, ...random]) {
      const text = stock.encode(input)
      expect(ours.encode(input)).toBe(text)
      expect(ours.decode(text)).toEqual(input)
      expect(ours.decodeUnsafe(text.toUpperCase())).toEqual(stock.decodeUnsafe(text.toUpperCase()))
    }
    for (const text of ['', ' ', '1 ', '-', 'é', '1-', `${alphabet[1]} `, alphabet, `${alphabet[0]}${alphabet}`])
      expect(ours.decodeUnsafe(text)).toEqual(stock.decodeUnsafe(text))
    expect(() => ours.decode('-')).toThrow(`Non-${name} character`)
    expect(() => ours.encode('text' as never)).toThrow(TypeError)
  })

  test('the public key of an Ed25519 seed', async () => {
    const theirs = await original<{ ed25519: typeof ed25519 }>('@noble/curves/ed25519.js')
    const seed = new Uint8Array(randomBytes(32))
    expect(ed25519.getPublicKey(seed)).toEqual(theirs.ed25519.getPublicKey(seed))
  })

  test('the keys of a noise handshake, also of no material', async () => {
    const path = '@libp2p/noise/dist/src/crypto/js.js'
    const theirs = await original<{ pureJsCrypto: typeof pureJsCrypto }>(path)
    const chainingKey = new Uint8Array(randomBytes(32))
    for (const material of inputs)
      expect(pureJsCrypto.getHKDF(chainingKey, material)).toEqual(theirs.pureJsCrypto.getHKDF(chainingKey, material))
  })

  test.each(['127.0.0.1', '256.0.0.1', '::1', 'fe80::1%lo', '::ffff:10.0.0.1', '1:2', 'localhost', ''])(
    'what kind of address "%s" is',
    async (address) => {
      type Asked = { ipVersion: typeof ipVersion; isIP: typeof isIP; isIPv4: typeof isIPv4; isIPv6: typeof isIPv6 }
      const theirs = await original<Asked>('@chainsafe/is-ip/lib/is-ip.node.js')
      expect([ipVersion(address), isIP(address), isIPv4(address), isIPv6(address)]).toEqual([
        theirs.ipVersion(address),
        theirs.isIP(address),
        theirs.isIPv4(address),
        theirs.isIPv6(address),
      ])
    },
  )
})

test('keys that no actor has are refused', () => {
  expect(() => secp256k1.Point.fromBytes()).toThrow('actors have Ed25519 keys')
})

describe('an edit', () => {
  const edit = leanModules().transform as (code: string, id: string) => string | null
  const inPackage = (path: string): string => `/x/node_modules/${path}`

  test.each([
    ['return a.localeCompare(b);', 'return (a < b ? -1 : a > b ? 1 : 0);'],
    [
      '(a, b) => a.x.toString().localeCompare(b.x.toString());',
      '(a, b) => (a.x.toString() < b.x.toString() ? -1 : a.x.toString() > b.x.toString() ? 1 : 0);',
    ],
  ])('sorts words without the rules of a language: %s', (code, edited) => {
    expect(edit(code, inPackage('@libp2p/peer-store/dist/src/utils/to-peer-pb.js'))).toBe(edited)
  })

  test('leaves other modules alone', () => {
    expect(edit('return a.localeCompare(b);', '/x/mine.ts')).toBe(null)
  })

  test.each(['127.0.0.1', '10.1.2.3', '192.0.2.1', '8.8.8.8', '::1', '::ffff:10.0.0.1', '2606:4700::1', 'x'])(
    'knows that "%s" is private, or not, as the package does',
    async (address) => {
      const path = '@libp2p/utils/dist/src/private-ip.js'
      const { isPrivateIp } = await original<{ isPrivateIp: (address: string) => boolean | undefined }>(path)
      const file = new URL(`../../node_modules/${path}`, import.meta.url)
      const bundled = (name: string): string =>
        import.meta.resolve(new URL(`../../node_modules/${name}`, import.meta.url).href)
      const code = edit(readFileSync(file, 'utf8'), fileURLToPath(file))!
        .replace("'@chainsafe/is-ip'", `'${bundled('@chainsafe/is-ip/lib/is-ip.node.js')}'`)
        .replace("'netmask'", `'${bundled('netmask/dist/netmask.js')}'`)
      const edited = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
        isPrivateIp: typeof isPrivateIp
      }
      expect(edited.isPrivateIp(address)).toBe(isPrivateIp(address))
    },
  )
})

test('what is known of peers is the same without being written as bytes', async () => {
  const edit = leanModules().transform as (code: string, id: string) => string | null
  const path = '@libp2p/peer-store/dist/src/'
  const folder = new URL(`../../node_modules/${path}`, import.meta.url)
  const lean = (file: string): string => {
    const url = new URL(file, folder)
    const code = edit(readFileSync(url, 'utf8'), fileURLToPath(url)) ?? readFileSync(url, 'utf8')
    const linked = code.replaceAll(/ from ['"]([^'"]+)['"]/g, (_, from: string) => {
      if (from.endsWith('bytes-to-peer.js')) return ` from "${lean('utils/bytes-to-peer.js')}"`
      return ` from "${from.startsWith('.') ? new URL(from, url).href : import.meta.resolve(from)}"`
    })
    return `data:text/javascript,${encodeURIComponent(linked)}`
  }
  interface Store {
    merge(peer: PeerId, data: object): Promise<object>
    patch(peer: PeerId, data: object): Promise<object>
    save(peer: PeerId, data: object): Promise<object>
    load(peer: PeerId): Promise<object>
    all(): AsyncIterable<object>
  }
  type Stores = { PersistentStore: new (components: object) => Store }
  const { MemoryDatastore } = await original<{ MemoryDatastore: new () => object }>('datastore-core/dist/src/memory.js')
  const self = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const peers = [self, peerIdFromPrivateKey(await generateKeyPair('Ed25519'))]
  const storeOf = ({ PersistentStore }: Stores): Store =>
    new PersistentStore({
      logger: { forComponent: () => Object.assign(() => {}, { error: () => {}, trace: () => {} }) },
      peerId: self,
      datastore: new MemoryDatastore(),
    })
  const stores = [
    storeOf(await original<Stores>('@libp2p/peer-store/dist/src/store.js')),
    storeOf((await import(lean('store.js'))) as Stores),
  ]
  const changes: [keyof Omit<Store, 'all' | 'load'>, object][] = [
    ['merge', { protocols: ['/b/1', '/a/1'] }],
    ['merge', { protocols: ['/b/1'] }],
    ['merge', { multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/4001'), multiaddr('/unix/%00x')] }],
    ['merge', { metadata: { k: Uint8Array.of(1, 2) }, tags: { kept: { value: 3 }, brief: { value: 1, ttl: 60_000 } } }],
    ['merge', { metadata: { k: undefined, other: Uint8Array.of(9) } }],
    ['patch', { protocols: ['/c/1'], tags: {} }],
    ['save', { multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/4002')] }],
    ['save', { multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/4002')] }],
  ]
  // of times, and of what protobuf leaves out, nothing is compared
  const plain = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, part: unknown) => {
        if (key === 'updated' && typeof part === 'number') return 'now'
        if (part instanceof Map) return [...part]
        return key === 'expiry' || typeof part === 'bigint' ? 'later' : part
      }),
    )
  for (const peer of peers)
    for (const [change, data] of changes) {
      const [theirs, ours] = await Promise.all(stores.map(async (store) => plain(await store[change](peer, data))))
      expect(ours).toEqual(theirs)
      const [before, after] = await Promise.all(stores.map(async (store) => plain(await store.load(peer))))
      expect(after).toEqual(before)
    }
  const [theirs, ours] = await Promise.all(stores.map(async (store) => plain(await Array.fromAsync(store.all()))))
  expect(ours).toEqual(theirs)
})

test('a module that is not met any more, or has changed, fails the bundle by name', () => {
  const { buildEnd, transform } = leanModules()
  const end = buildEnd as (error?: Error) => void
  const edit = transform as (code: string, id: string) => string | null
  expect(edit('const other = 1', '/x/node_modules/@libp2p/utils/dist/src/private-ip.js')).toBe(null)
  expect(() => end()).toThrow(/of another shape: .*@chainsafe\/is-ip.*private-ip/)
  expect(() => end(new Error('something else'))).not.toThrow()
})
