import { afterAll, beforeAll, expect } from 'vitest'
import { DISCOVERY_PROTOCOL } from '../../discovery/neighbours.ts'
import { signRecord } from '../../discovery/record.ts'
import { openRendezvous } from '../../discovery/rendezvous.ts'
import { currentActor, discovery, findActor, joinMesh, type JoinedMesh } from '../../index.ts'
import { startHost } from '../../node/host.ts'
import { type Identity, openIdentity } from '../../node/identity.ts'
import { redirectLogs } from '../../node/log.ts'
import { encode } from '../../rpc/codec.ts'
import { fuzz } from '../rpc/fixtures/fuzz.ts'
import type { RandomSource } from '../rpc/fixtures/random.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { hostileMessage, hostileRecord, IDS, SELF } from './support/hostile-messages.ts'

// oxlint-disable vitest/no-standalone-expect -- fuzz() makes a test of each law

const MESH = 'hostile-live'
const MESSAGES = 150

useRuntimeDir()
expectNothingLeft()

let mesh: JoinedMesh
let secret: Uint8Array
let restoreLogs: () => void
beforeAll(async () => {
  restoreLogs = redirectLogs(() => {})
  mesh = await joinMesh({ mesh: MESH, name: 'victim' })
  const rendezvous = await openRendezvous({ mesh: MESH })
  secret = rendezvous.secret
  await rendezvous.close()
})
afterAll(async () => {
  await mesh.leave()
  restoreLogs()
})

fuzz('a live root bears whatever a neighbour with the secret says, and is found as before', 12, async (random) => {
  const identity = await openIdentity()
  const stranger = await startHost({ identity, secret })
  try {
    const connection = await stranger.connect(mesh.actor.id, mesh.actor.addresses)
    const stream = await connection.newStream(DISCOVERY_PROTOCOL)
    for (let count = 0; count < MESSAGES && stream.status === 'open'; count++) {
      stream.send(framed(encode(named(hostileMessage(random), random, identity))))
      if (random.chance(0.1)) await new Promise(setImmediate)
    }
    await eventually('it was heard, or cut off', () => stream.status !== 'open' || stream.writableNeedsDrain === false)
  } finally {
    await stranger.stop()
  }
  expect((await findActor('victim'))?.id).toBe(currentActor().id)
  const { counts, counters, self } = discovery.snapshot()
  expect(self.incarnation).toBeLessThan(Number.MAX_SAFE_INTEGER)
  expect(counts.actors).toBeLessThan(1_000)
  expect(counters['refusedMessages']).toBeGreaterThanOrEqual(0)
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

/** The same message about actors that exist, with records that the neighbour itself has signed. */
function named(value: unknown, random: RandomSource, identity: Identity): unknown {
  if (value === SELF) return mesh.actor.id
  if (typeof value === 'string') return IDS.includes(value) ? identity.peerId : value
  if (!Array.isArray(value)) {
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, named(part, random, identity)]))
  }
  if (value[0] === 'record' && random.chance(0.95)) {
    const { peerId } = identity
    const above = random.chance(0.5) ? { root: peerId } : { parent: mesh.actor.id, root: mesh.actor.id }
    const { parent: _, ...rest } = hostileRecord(random, 'a')
    const plain = { ...rest, mesh: MESH, peerId, ...above }
    const { bytes, signature } = signRecord(plain, identity.privateKey)
    return ['record', bytes, signature]
  }
  return (value as unknown[]).map((part) => named(part, random, identity))
}

function framed(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.byteLength)
  new DataView(frame.buffer).setUint32(0, body.byteLength)
  frame.set(body, 4)
  return frame
}
