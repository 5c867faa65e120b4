import { describe, expect, test } from 'vitest'
import { MAX_JOIN_ADDRESSES, readJoinAddresses } from '../../discovery/join-addresses.ts'
import { InvalidArgument } from '../../node/errors.ts'
import { joinMesh } from '../../index.ts'

const a = '12D3KooWPb3hNBi9vcuLA4rrsspDAU2ArpKusT7DkWLiqnUc1VkK'
const b = '12D3KooWPeh7CyL8UxHDFF49GbGNQcnh7W6iLab2Ge1y9toJMX2s'

describe('addresses to join by', () => {
  test('are gathered by the root that they lead to', () => {
    const addresses = [
      `/ip4/192.0.2.7/tcp/4001/p2p/${a}`,
      `/ip4/192.0.2.8/tcp/4001/p2p/${b}`,
      `/dns4/a.test/tcp/1/p2p/${a}`,
    ]
    expect(readJoinAddresses(addresses)).toEqual([
      { peerId: a, addrs: [addresses[0], addresses[2]], eager: true },
      { peerId: b, addrs: [addresses[1]], eager: true },
    ])
    expect(readJoinAddresses([])).toEqual([])
  })

  test.each([
    '',
    'host:4001',
    '/ip4/192.0.2.7/tcp/4001',
    `/p2p/${a}`,
    `/ip4/192.0.2.7/tcp/1/p2p/${'x'.repeat(600)}`,
    7,
    null,
  ])('without a peer id or an address are refused: %j', (address) => {
    expect(() => readJoinAddresses([address as string])).toThrow(InvalidArgument)
    expect(() => readJoinAddresses([address as string])).toThrow('/ip4/192.0.2.7/tcp/4001/p2p/')
  })

  test('are bounded in number', () => {
    const addresses = Array.from({ length: MAX_JOIN_ADDRESSES + 1 }, (_, i) => `/ip4/192.0.2.7/tcp/${i + 1}/p2p/${a}`)
    expect(() => readJoinAddresses(addresses)).toThrow(`at most ${MAX_JOIN_ADDRESSES}`)
    expect(readJoinAddresses(addresses.slice(1))).toHaveLength(1)
    expect(() => readJoinAddresses('/ip4/192.0.2.7' as unknown as string[])).toThrow(InvalidArgument)
  })

  test('need a mesh name', async () => {
    await expect(joinMesh({ join: [`/ip4/192.0.2.7/tcp/4001/p2p/${a}`] })).rejects.toThrow("a 'mesh' as well")
  })
})
