import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BarredPeers, MAX_BARRED_PEERS } from '../../node/barred-peers.ts'

test('a peer is barred for its time, and nobody else is', async () => {
  const barred = new BarredPeers()
  barred.bar('one', 20)
  expect([barred.has('one'), barred.has('other')]).toEqual([true, false])
  await delay(25)
  expect(barred.has('one')).toBe(false)
})

test('whoever is barred again is barred for the later time', async () => {
  const barred = new BarredPeers()
  barred.bar('one', 5)
  barred.bar('one', 100_000)
  await delay(10)
  expect(barred.has('one')).toBe(true)
})

test('above MAX_BARRED_PEERS the one that was barred first is let in', () => {
  const barred = new BarredPeers()
  for (let i = 0; i <= MAX_BARRED_PEERS; i++) barred.bar(`peer ${i}`, 100_000)
  expect(barred.has('peer 0')).toBe(false)
  expect(barred.has('peer 1')).toBe(true)
  expect(barred.has(`peer ${MAX_BARRED_PEERS}`)).toBe(true)
})
