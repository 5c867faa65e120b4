import { randomBytes } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EXCESS_PER_STRIKE } from '../../discovery/intake.ts'
import { DISCOVERY_PROTOCOL, MAX_NEIGHBOUR_STREAMS } from '../../discovery/neighbours.ts'
import { type ActorRecord, type SignedRecord, signRecord } from '../../discovery/record.ts'
import { openRendezvous } from '../../discovery/rendezvous.ts'
import { currentActor, discovery, findActor, getArbiter, joinMesh, type JoinedMesh } from '../../index.ts'
import { type Host, startHost } from '../../node/host.ts'
import { type Identity, openIdentity } from '../../node/identity.ts'
import { redirectLogs } from '../../node/log.ts'
import { encode } from '../../rpc/codec.ts'
import { MAX_STRIKES } from '../../rpc/misconduct.ts'
import { deadline } from '../support/headroom.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

useRuntimeDir()
expectNothingLeft()

let mesh: JoinedMesh
let stranger: Host
let forged: SignedRecord
let foreign: SignedRecord
let lines: string[]
let restoreLogs: () => void
beforeEach(async () => {
  lines = []
  restoreLogs = redirectLogs((line) => lines.push(line))
  mesh = await joinMesh({ mesh: 'hostile', name: 'victim' })
  // A program that has the secret, and speaks the protocol badly.
  const rendezvous = await openRendezvous({ mesh: 'hostile' })
  const identity = await openIdentity()
  stranger = await startHost({ identity, secret: rendezvous.secret })
  forged = signRecord(recordOf(identity, 'hostile'), identity.privateKey)
  foreign = signRecord(recordOf(identity, 'elsewhere'), identity.privateKey)
  await rendezvous.close()
})
afterEach(async () => {
  await stranger.stop()
  await mesh.leave()
  restoreLogs()
})

function recordOf({ peerId }: Identity, mesh: string): ActorRecord {
  const version = { inc: Date.now(), rev: 0, seq: 0 }
  return { mesh, peerId, name: 'stranger', root: peerId, ...version, addrs: [], status: 'up', modules: [], meta: {} }
}

async function expectVictimWell(): Promise<void> {
  expect((await findActor('victim'))?.id).toBe(currentActor().id)
  expect((await getArbiter()).portal.id).toBe(currentActor().id)
}

function framed(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.byteLength)
  new DataView(frame.buffer).setUint32(0, body.byteLength)
  frame.set(body, 4)
  return frame
}

test.each([
  ['random bytes', () => randomBytes(2_000)],
  ['an announced length of 4 GiB', () => new Uint8Array(64).fill(0xff)],
  ['a frame that is no msgpack', () => framed(new Uint8Array([0xc1, 0xc1, 0xc1]))],
  ['a truncated frame', () => framed(encode({ type: 'sync' })).subarray(0, 6)],
  ['a message of an unknown type', () => framed(encode({ type: 'gossip-about', facts: [] }))],
  ['votes of somebody who is no member', () => framed(encode({ type: 'vote', term: 9e15, inc: 1 }))],
  ['facts that are none', () => framed(encode({ type: 'facts', facts: [['record', 1, 2], ['end'], 7], claim: null }))],
  ['a beat of an arbiter nobody elected', () => framed(encode({ type: 'beat', token: [1e9, 1, 'x'], beat: 1 }))],
])('%s on the discovery stream harm nobody', async (_, bytes) => {
  const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
  const stream = await connection.newStream(DISCOVERY_PROTOCOL)
  stream.send(bytes())
  await expectVictimWell()
  const again = await connection.newStream(DISCOVERY_PROTOCOL)
  again.send(bytes())
  await expectVictimWell()
})

test('more than MAX_NEIGHBOUR_STREAMS streams of one neighbour are closed', async () => {
  const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
  const streams: Stream[] = []
  for (let i = 0; i < MAX_NEIGHBOUR_STREAMS + 3; i++) streams.push(await connection.newStream(DISCOVERY_PROTOCOL))
  const open = (): number => streams.filter(({ status }) => status === 'open').length
  await eventually('those above the limit are closed', () => open() === MAX_NEIGHBOUR_STREAMS)
  await expectVictimWell()
})

test('a neighbour that goes on with what is no frame is kept out', async () => {
  const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
  for (let i = 0; i <= MAX_STRIKES; i++) {
    const stream = await connection.newStream(DISCOVERY_PROTOCOL)
    stream.send(new Uint8Array(64).fill(0xff))
    await eventually('the stream is closed', () => stream.status !== 'open')
  }
  await eventually('it is cut off', () => connection.status !== 'open')
  expect(lines.filter((line) => line.includes('is kept out'))).toHaveLength(1)
  await expectVictimWell()
})

test('gossip that cannot be read is refused, and logged', async () => {
  const topic = 'greenroom/1/hostile'
  stranger.gossip.subscribe(topic)
  const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
  // Only neighbours gossip: those that have a discovery stream.
  await connection.newStream(DISCOVERY_PROTOCOL)
  stranger.introduce(mesh.actor.id)
  await eventually('the victim hears gossip', () => stranger.gossip.getSubscribers(topic).length > 0)
  for (const data of [randomBytes(500), encode({ type: 'facts', facts: 'none' }), encode([])])
    await stranger.gossip.publish(topic, data)
  await eventually('it was logged', () => lines.filter((line) => line.includes('refused')).length >= 3)
  await expectVictimWell()
})

test.each([
  ['messages that are none', () => ({ type: 'state', facts: 7 })],
  [
    'records that it forged',
    () => ({ type: 'facts', facts: [['record', forged.bytes, new Uint8Array(64)]], claim: null }),
  ],
  [
    'records of another mesh',
    () => ({ type: 'facts', facts: [['record', foreign.bytes, foreign.signature]], claim: null }),
  ],
  [
    'records that are too large',
    () => ({ type: 'facts', facts: [['record', new Uint8Array(9_000), forged.signature]], claim: null }),
  ],
])('a neighbour that goes on with %s is kept out, and what it did is counted', async (_, message) => {
  const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
  const stream = await connection.newStream(DISCOVERY_PROTOCOL)
  const before = discovery.snapshot().counters['refusedMessages'] ?? 0
  for (let i = 0; i <= MAX_STRIKES; i++) stream.send(framed(encode(message())))
  await eventually('it is cut off', () => connection.status !== 'open')
  expect(discovery.snapshot().counters['refusedMessages']).toBe(before + MAX_STRIKES + 1)
  expect(lines.filter((line) => line.includes('is kept out'))).toHaveLength(1)
  await expectVictimWell()
})

test('a neighbour that floods is kept out', async () => {
  const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
  const stream = await connection.newStream(DISCOVERY_PROTOCOL)
  const probe = framed(encode({ type: 'nack', seq: 1 }))
  const batch = Buffer.concat(Array.from({ length: 500 }, () => probe))
  for (let i = 0; i < 200 && stream.status === 'open'; i++) {
    if (!stream.send(batch)) await stream.onDrain({ signal: AbortSignal.timeout(deadline(1_000)) }).catch(() => {})
  }
  await eventually('it is cut off', () => connection.status !== 'open')
  expect(discovery.snapshot().counters['excessMessages']).toBeGreaterThan(EXCESS_PER_STRIKE)
  await expectVictimWell()
})

test('a peer with another secret fails in the handshake and learns nothing', async () => {
  const outsider = await startHost({ identity: await openIdentity(), secret: randomBytes(32) })
  try {
    await expect(outsider.connect(mesh.actor.id, mesh.actor.addresses)).rejects.toThrow('handshake')
    await expectVictimWell()
  } finally {
    await outsider.stop()
  }
})
