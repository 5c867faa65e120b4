import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ADDRESS_CHECK_MS, AddressChanges, followRelays } from '../../discovery/address-changes.ts'
import type { Observation } from '../../discovery/observation.ts'
import { profiles } from '../../discovery/profile.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const at = (ip: string): string => `/ip4/${ip}/tcp/4001/p2p/12D3KooWSelf`

/** A machine whose interfaces, and an actor whose peers, a test changes. */
function machine(...ips: readonly string[]) {
  let interfaces = new Map(ips.map((ip) => [ip, 'eth0']))
  const told: (readonly string[])[] = []
  const stranded: string[][] = []
  const left: [string, string[]][] = []
  const records = new Map<string, { addrs: string[] }>()
  let hear: (event: Observation) => void = () => {}
  let relayed: string[] = []
  const addresses = (): string[] => [...[...interfaces.keys()].map(at), ...relayed]
  const unlink = vi.fn<() => void>()
  const ends = {
    abortStranded: (gone: ReadonlySet<string>) => stranded.push([...gone]),
    abortAt: (peer: string, gone: ReadonlySet<string>) => left.push([peer, [...gone]]),
    watchMoves: () => unlink,
    onListening: () => unlink,
  }
  const changes = new AddressChanges(
    {
      host: { addresses, ends } as never,
      discovery: {
        state: { profile: profiles.lan, registry: { get: (peer: string) => records.get(peer) } },
        onEvent: (listener: typeof hear) => {
          hear = listener
          return unlink
        },
      } as never,
      onChange: (now) => told.push(now),
      interfaces: () => interfaces,
    },
    addresses(),
  )
  return {
    changes,
    told,
    stranded,
    left,
    records,
    unlink,
    hear: (event: unknown) => hear(event as Observation),
    relay: (...through: string[]) => (relayed = through),
    become: (...next: readonly string[]) => {
      interfaces = new Map(next.map((ip) => [ip, 'eth0']))
      vi.advanceTimersByTime(ADDRESS_CHECK_MS)
    },
  }
}

test('one address in place of another is told at the next look, and what was connected from the former one ends', () => {
  const { changes, told, stranded, become } = machine('192.0.2.1')
  become('192.0.2.2')
  expect(told).toEqual([[at('192.0.2.2')]])
  expect(stranded).toEqual([['192.0.2.1']])
  become('192.0.2.2')
  expect(told).toHaveLength(1)
  changes.close()
})

test('an address that is back after one look has never been away, and is gone after two', () => {
  const { changes, told, stranded, become } = machine('192.0.2.1', '192.0.2.9')
  become('192.0.2.9')
  become('192.0.2.1', '192.0.2.9')
  expect([told, stranded]).toEqual([[], []])
  become('192.0.2.9')
  become('192.0.2.9')
  expect(told).toEqual([[at('192.0.2.9')]])
  expect(stranded).toEqual([['192.0.2.1']])
  changes.close()
})

test('connections to a peer end at the addresses that it has signed to have left, and at no others', () => {
  const { changes, left, hear } = machine('192.0.2.1')
  const [before, after] = ['198.51.100.1', '198.51.100.2'].map((ip) => [
    `/ip4/${ip}/tcp/1`,
    '/unix/x',
    '/ip4/203.0.113.5/tcp/1',
  ])
  hear({ type: 'updated', record: { peerId: 'peer', addrs: after }, previous: { addrs: before } })
  expect(left).toEqual([['peer', ['198.51.100.1']]])
  hear({ type: 'updated', record: { peerId: 'peer', addrs: after }, previous: { addrs: after } })
  expect(left).toHaveLength(1)
  changes.close()
})

test('an address that a full record has no room for is not one that was left', () => {
  const { changes, left, hear } = machine('192.0.2.1')
  const many = (from: number): string[] => Array.from({ length: 8 }, (_, i) => `/ip4/198.51.100.${from + i}/tcp/1`)
  hear({ type: 'updated', record: { peerId: 'peer', addrs: many(2) }, previous: { addrs: many(1) } })
  expect(left).toEqual([])
  changes.close()
})

test('an actor behind a relay tells its new address when the relay has moved', () => {
  const { changes, told, records, relay, become, hear } = machine()
  const through = (ip: string): string => `/ip4/${ip}/tcp/4001/p2p/12D3KooWRelay/p2p-circuit/p2p/12D3KooWSelf`
  relay(through('198.51.100.1'))
  become()
  expect(told).toEqual([[through('198.51.100.1')]])
  const addrs = ['/ip4/198.51.100.2/tcp/4001/p2p/12D3KooWRelay', '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWRelay']
  records.set('12D3KooWRelay', { addrs })
  hear({ type: 'updated', record: { peerId: '12D3KooWRelay', addrs }, previous: { addrs: [] } })
  expect(told.at(-1)).toEqual([through('198.51.100.2')])
  changes.close()
})

test('nothing is looked at, and nobody is listened to, once it is closed', () => {
  const { changes, told, unlink, become } = machine('192.0.2.1')
  changes.close()
  become('192.0.2.2')
  expect(told).toEqual([])
  expect(unlink).toHaveBeenCalledTimes(3)
})

test('an address through a relay that is not known, or has no way from outside, stays as it is', () => {
  const address = '/ip4/198.51.100.1/tcp/1/p2p/12D3KooWRelay/p2p-circuit/p2p/12D3KooWSelf'
  expect(followRelays([address, '/unix/x'], () => undefined)).toEqual([address, '/unix/x'])
  expect(followRelays([address], () => ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWRelay'])).toEqual([address])
})
