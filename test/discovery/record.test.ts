import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { BadRecord, isRoot, openRecord, recordLimits, signRecord } from '../../discovery/record.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import { seeded } from '../simulator/rng.ts'

const key = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(1))
const otherKey = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(2))
const peerId = peerIdFromPrivateKey(key).toString()
const otherId = peerIdFromPrivateKey(otherKey).toString()

const root: ActorRecord = {
  mesh: 'demo',
  peerId,
  name: 'donny',
  root: peerId,
  inc: Date.now(),
  rev: 2,
  seq: 3,
  addrs: ['/ip4/127.0.0.1/tcp/4001'],
  status: 'up',
  modules: ['film', 'greenroom/theatre'],
  meta: { tags: ['gpu', 'zone=eu'], groups: ['workers'], version: '1.2.3' },
}
const child: ActorRecord = { ...root, parent: otherId, root: otherId }

const codec = new Packr({ useRecords: false })

/** The fields on the wire, changed by a test and signed anew by the owner itself. */
async function forge(change: (fields: unknown[]) => void): Promise<{ bytes: Uint8Array; signature: Uint8Array }> {
  const fields = codec.unpack(signRecord(root, key).bytes) as unknown[]
  change(fields)
  const bytes = new Uint8Array(codec.pack(fields))
  return { bytes, signature: await key.sign(bytes) }
}

describe('a signed record', () => {
  test.each([
    ['root', root],
    ['child', child],
  ])('of a %s opens to what was signed', (_, record) => {
    const opened = openRecord(signRecord(record, key), 'demo')
    expect(opened).toEqual(record)
    expect(Object.keys(opened)).toEqual(expect.arrayContaining(Object.keys(record)))
    expect(isRoot(opened)).toBe(record.parent === undefined)
  })

  test("can be checked by libp2p's own verification", async () => {
    const { bytes, signature } = signRecord(root, key)
    expect(await key.publicKey.verify(bytes, signature)).toBe(true)
  })

  test('does not open when any byte was changed', () => {
    const signed = signRecord(root, key)
    const rng = seeded(7)
    for (let round = 0; round < 200; round++) {
      const bytes = new Uint8Array(signed.bytes)
      const at = Math.floor(rng() * bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(rng() * 8))
      expect(() => openRecord({ ...signed, bytes }, 'demo'), `byte ${at}`).toThrow(BadRecord)
    }
    const signature = new Uint8Array(signed.signature)
    signature[10] = (signature[10] ?? 0) ^ 1
    expect(() => openRecord({ ...signed, signature }, 'demo')).toThrow(`the signature is not by ${peerId}`)
    expect(() => openRecord({ ...signed, signature: signature.subarray(1) }, 'demo')).toThrow('63 bytes instead of 64')
  })

  test('never opens from garbage, and says so with one class of error', () => {
    const rng = seeded(8)
    for (let round = 0; round < 2_000; round++) {
      const bytes = Uint8Array.from({ length: Math.floor(rng() * 200) }, () => Math.floor(rng() * 256))
      expect(() => openRecord({ bytes, signature: new Uint8Array(64) }, 'demo')).toThrow(BadRecord)
    }
    const nested = new Uint8Array(recordLimits.bytes).fill(0x91)
    expect(() => openRecord({ bytes: nested, signature: new Uint8Array(64) }, 'demo')).toThrow(BadRecord)
  })

  test('with metadata of a later version opens without that part', async () => {
    const signed = await forge((fields) => (fields[13] as unknown[]).push(['colour', 3]))
    expect(openRecord(signed, 'demo')).toEqual(root)
  })

  test('without metadata says nothing of it', () => {
    expect(openRecord(signRecord({ ...root, meta: {} }, key), 'demo').meta).toEqual({})
  })

  test('is refused in another mesh', () => {
    expect(() => openRecord(signRecord(root, key), 'other')).toThrow("it is for mesh 'demo', this is mesh 'other'")
  })

  test('cannot be signed for another peer id', () => {
    expect(() => signRecord({ ...root, peerId: otherId, root: otherId }, key)).toThrow(
      'can only be signed with the key',
    )
  })

  test('that is known byte by byte is not verified again, and any other is', () => {
    const signed = signRecord(root, key)
    const wrong = { ...signed, signature: new Uint8Array(64) }
    expect(openRecord(wrong, 'demo', () => wrong).name).toBe('donny')
    expect(() => openRecord(wrong, 'demo', () => signed)).toThrow('the signature is not by')
  })
})

describe('every field is checked', () => {
  const bad: [string, (fields: unknown[]) => void, string][] = [
    ['tag', (fields) => (fields[0] = 'other'), "not a 'greenroom/record'"],
    ['layout', (fields) => (fields[1] = 2), 'its layout is 2'],
    ['number of fields', (fields) => fields.push(1), '15 fields'],
    ['mesh', (fields) => (fields[2] = 1), 'mesh is 1'],
    ['peerId', (fields) => (fields[3] = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'), 'peerId is'],
    ['spelling of peerId', (fields) => (fields[3] = peerIdFromPrivateKey(key).toCID().toString()), 'peerId is'],
    ['name', (fields) => (fields[4] = ''), 'name has 0 bytes'],
    ['long name', (fields) => (fields[4] = 'é'.repeat(129)), 'name has 258 bytes'],
    ['parent', (fields) => (fields[5] = 'nobody'), 'parent is'],
    ['parent of a root', (fields) => (fields[5] = otherId), 'a root has no parent'],
    ['root of a child', (fields) => (fields[6] = otherId), 'a root has no parent'],
    ['inc', (fields) => (fields[7] = -1), 'inc is -1'],
    ['rev', (fields) => (fields[8] = 1.5), 'rev is 1.5'],
    ['seq', (fields) => (fields[9] = 2 ** 53), 'seq is'],
    ['addrs', (fields) => (fields[10] = 'x'), 'addrs is'],
    ['number of addrs', (fields) => (fields[10] = Array(9).fill('/x')), 'addrs has 9 entries'],
    ['an address', (fields) => (fields[10] = [1]), 'addrs[0] is 1'],
    ['status', (fields) => (fields[11] = 'dead'), "status is 'dead'"],
    ['modules', (fields) => (fields[12] = Array(65).fill('m')), 'modules has 65 entries'],
    ['meta', (fields) => (fields[13] = null), 'meta is no list'],
    ['an entry of meta', (fields) => (fields[13] = [['tags']]), 'meta has an entry that is no pair'],
    ['number of entries of meta', (fields) => (fields[13] = Array(33).fill(['a', 1])), 'meta has 33 entries'],
    ['tags', (fields) => (fields[13] = [['tags', 'gpu']]), "meta.tags is 'gpu', not a list"],
    ['a tag', (fields) => (fields[13] = [['tags', ['gpu', 1]]]), 'meta.tags[1] is 1'],
    ['number of tags', (fields) => (fields[13] = [['tags', Array(33).fill('t')]]), 'meta.tags has 33 entries'],
    ['a long tag', (fields) => (fields[13] = [['tags', ['t'.repeat(129)]]]), 'meta.tags[0] has 129 bytes'],
    ['a group', (fields) => (fields[13] = [['groups', ['']]]), 'meta.groups[0] has 0 bytes'],
    ['number of groups', (fields) => (fields[13] = [['groups', Array(17).fill('g')]]), 'meta.groups has 17 entries'],
    ['version', (fields) => (fields[13] = [['version', 'v'.repeat(65)]]), 'meta.version has 65 bytes'],
    [
      'a repeated key of meta',
      (fields) =>
        (fields[13] = [
          ['a', 'b'],
          ['a', 'c'],
        ]),
      "meta has 'a' twice",
    ],
  ]

  test.each(bad)('%s', async (_, change, message) => {
    const signed = await forge(change)
    expect(() => openRecord(signed, 'demo')).toThrow(message)
  })

  test('before it is signed, too', () => {
    expect(() => signRecord({ ...root, name: 'x'.repeat(257) }, key)).toThrow('name has 257 bytes, not 1 to 256')
    const modules = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(250, 'x'))
    expect(() => signRecord({ ...root, modules }, key)).toThrow('more than 8192')
  })

  test('a record as large as it may be stays within its bound', async () => {
    const fresh = await generateKeyPair('Ed25519')
    const id = peerIdFromPrivateKey(fresh).toString()
    const largest: ActorRecord = {
      ...root,
      peerId: id,
      root: id,
      name: 'n'.repeat(recordLimits.nameBytes),
      addrs: Array<string>(recordLimits.addrs).fill('a'.repeat(recordLimits.addrBytes)),
      modules: Array<string>(10).fill('m'.repeat(recordLimits.moduleBytes)),
      meta: {},
    }
    const signed = signRecord(largest, fresh)
    expect(signed.bytes.length).toBeLessThanOrEqual(recordLimits.bytes)
    expect(openRecord(signed, 'demo').addrs).toHaveLength(8)
  })
})
