import { expect, test } from 'vitest'
import { OwnMetadata } from '../../discovery/own-metadata.ts'
import { OwnRecord } from '../../discovery/own-record.ts'
import { openRecord, recordLimits } from '../../discovery/record.ts'
import { InvalidArgument } from '../../node/errors.ts'
import { openIdentity } from '../../node/identity.ts'

const version = { inc: 7, rev: 0, seq: 1 }

/** The record of an actor, and how often it was to be signed anew. */
async function ownRecord(addresses: readonly string[]) {
  const identity = await openIdentity()
  const self = { name: 'me', id: identity.peerId, addresses }
  const options = { identity, self, root: self.id, mesh: 'demo', modules: [], metadata: new OwnMetadata({}) }
  const seen = { changes: 0 }
  return { own: new OwnRecord(options, () => seen.changes++), seen }
}

test('an actor that is reached at other addresses signs those, and others believe them', async () => {
  const { own, seen } = await ownRecord(['/ip4/10.0.0.1/tcp/1'])
  expect(own.move(['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.1/tcp/1'])).toBe(true)
  expect(seen.changes).toBe(1)
  const { signed } = own.sign(version, 'up')
  const opened = openRecord(signed, 'demo', () => undefined)
  expect(opened.addrs).toEqual(['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.1/tcp/1'])
})

test('the same addresses are no news, nor are those beyond what a record holds', async () => {
  const many = Array.from({ length: recordLimits.addrs }, (_, index) => `/ip4/10.0.0.1/tcp/${index + 1}`)
  const { own, seen } = await ownRecord(many)
  expect(own.move([...many, '/ip4/10.0.0.9/tcp/1'])).toBe(false)
  expect(seen.changes).toBe(0)
})

test('an actor that is reached nowhere, or at what no record has room for, keeps the addresses that it had', async () => {
  const { own, seen } = await ownRecord(['/ip4/10.0.0.1/tcp/1'])
  expect(() => own.move([])).toThrow(InvalidArgument)
  expect(() => own.move(Array(recordLimits.addrs).fill(`/dns4/${'a'.repeat(4_000)}/tcp/1`) as string[])).toThrow(Error)
  expect(seen.changes).toBe(0)
  expect(own.sign(version, 'up').record.addrs).toEqual(['/ip4/10.0.0.1/tcp/1'])
})
