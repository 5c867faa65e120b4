import { expect, test } from 'vitest'
import { createCore } from '../../discovery/core/state.ts'
import { readJoinPlaces } from '../../discovery/join-addresses.ts'
import { MAX_PLACE_ADDRESSES, PlaceWatch } from '../../discovery/place-watch.ts'
import { profiles } from '../../discovery/profile.ts'
import { MAX_JOIN_PLACES } from '../../discovery/join-addresses.ts'

/** What a watch asks for and finds when those who are somewhere have these peer ids. */
async function look(
  there: ReadonlyMap<string, string>,
  addresses: string[],
): Promise<{ hinted: string[]; asked: string[] }> {
  const hinted: string[] = []
  const asked: string[] = []
  const watch = new PlaceWatch({
    host: {
      peerId: 'self',
      meet: async (address) => {
        asked.push(address)
        const peer = there.get(address)
        if (peer === undefined) throw new Error('nobody is there')
        return await Promise.resolve(peer)
      },
    },
    discovery: {
      state: createCore({ profile: profiles.loopback }),
      hint: (peers) => hinted.push(...peers.map(({ peerId }) => peerId)),
    },
    places: ['/dns4/mesh.internal/tcp/4001'],
    resolve: async () => await Promise.resolve(addresses.map((address) => ({ address, family: 4 }))),
  })
  await watch.first
  watch.close()
  return { hinted: hinted.sort(), asked }
}

test('each address of a name may be a root of its own, and the own one is none', async () => {
  const there = new Map([
    ['/ip4/10.0.0.1/tcp/4001', 'one'],
    ['/ip4/10.0.0.2/tcp/4001', 'two'],
    ['/ip4/10.0.0.3/tcp/4001', 'self'],
  ])
  const { hinted } = await look(there, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'])
  expect(hinted).toEqual(['one', 'two'])
})

test('of one name MAX_PLACE_ADDRESSES are dialled', async () => {
  const addresses = Array.from({ length: MAX_PLACE_ADDRESSES + 9 }, (_, i) => `10.0.0.${i}`)
  expect((await look(new Map(), addresses)).asked).toHaveLength(MAX_PLACE_ADDRESSES)
})

test('places are told from addresses with peer ids, and there are MAX_JOIN_PLACES at most', () => {
  const peer = '12D3KooWFW5kYHMgiVPGPunibZzPjDKGkHpc2fJZeLKnEcycKerb'
  const place = '/dns4/mesh.internal/tcp/4001'
  const { hints, places } = readJoinPlaces([place, `/ip4/192.0.2.1/tcp/1/p2p/${peer}`])
  expect([places, hints.map(({ peerId }) => peerId)]).toEqual([[place], [peer]])
  expect(() => readJoinPlaces(Array.from({ length: MAX_JOIN_PLACES + 1 }, () => place))).toThrow('at most 16')
  expect(() => readJoinPlaces(['nowhere'])).toThrow("'nowhere'")
})
