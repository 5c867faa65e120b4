import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MAX_RELAY_RETRY_MS, MAX_RELAYS, RELAY_RETRY_MS, RelayPlaces } from '../../node/relay-places.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** An actor whose relays give it places, or not, as a test says. */
function actor(giving: Set<string>) {
  const places = new Set<string>()
  const asked: string[] = []
  let changed = (): void => {}
  const host = {
    peerId: 'self',
    addresses: () => [...places].map((relay) => `/ip4/192.0.2.1/tcp/1/p2p/${relay}/p2p-circuit/p2p/self`),
    reach: async () => await Promise.resolve({} as never),
    listenAt: async (address: string) => {
      const relay = address.split('/p2p/')[1] ?? ''
      asked.push(relay)
      if (!giving.has(relay)) throw new Error('it relays for its own machine alone')
      places.add(relay)
      await Promise.resolve()
    },
    ends: {
      onListening: (listener: () => void) => {
        changed = listener
        return () => (changed = () => {})
      },
    } as never,
  }
  const lose = (relay: string): void => {
    places.delete(relay)
    changed()
  }
  return { host, places, asked, lose }
}

const relays = ['r1', 'r2', 'r3', 'r4'].map((peerId) => ({ peerId, addrs: ['/ip4/192.0.2.1/tcp/1'] }))

test('places are kept at MAX_RELAYS of those that give one, and no other is asked', async () => {
  const { host, places, asked } = actor(new Set(['r2', 'r3', 'r4']))
  const keeping = new RelayPlaces(host, [{ peerId: 'self', addrs: ['/ip4/192.0.2.9/tcp/1'] }, ...relays])
  await keeping.first
  expect([...places]).toEqual(['r2', 'r3'])
  expect(places.size).toBe(MAX_RELAYS)
  expect(asked).toEqual(['r1', 'r2', 'r3'])
  keeping.close()
})

test('a place that is lost is asked for again, there and elsewhere', async () => {
  const giving = new Set(['r1', 'r2', 'r4'])
  const { host, places, lose } = actor(giving)
  const keeping = new RelayPlaces(host, relays)
  await keeping.first
  giving.delete('r1')
  lose('r1')
  await vi.advanceTimersByTimeAsync(2 * RELAY_RETRY_MS)
  expect([...places]).toEqual(['r2', 'r4'])
  keeping.close()
})

test('who gives none is asked ever more seldom, and not at all once it is over', async () => {
  const { host, asked } = actor(new Set())
  const keeping = new RelayPlaces(host, relays.slice(0, 1))
  await keeping.first
  await vi.advanceTimersByTimeAsync(10 * MAX_RELAY_RETRY_MS)
  expect(asked.length).toBeGreaterThan(10)
  expect(asked.length).toBeLessThan(40)
  keeping.close()
  const before = asked.length
  await vi.advanceTimersByTimeAsync(10 * MAX_RELAY_RETRY_MS)
  expect(asked).toHaveLength(before)
})
