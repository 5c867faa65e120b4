import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { inOrderOfReach, ipOf, isOwn, ownInterfaces, plainIp } from '../../node/own-interfaces.ts'

test('addresses are told in the order in which others should try them: interfaces, relays, bridges, this machine, its files', () => {
  const interfaces = new Map([
    ['172.17.0.1', 'docker0'],
    ['172.18.0.1', 'br-0af3'],
    ['192.168.1.5', 'eth0'],
    ['10.8.0.2', 'wg0'],
    ['127.0.0.1', 'lo'],
  ])
  const at = (ip: string): string => `/ip4/${ip}/tcp/4001`
  const relayed = '/ip4/198.51.100.1/tcp/4001/p2p/12D3KooWRelay/p2p-circuit'
  const unix = '/unix/%00greenroom-1'
  expect(
    inOrderOfReach(
      [
        unix,
        at('127.0.0.1'),
        at('172.17.0.1'),
        relayed,
        at('172.18.0.1'),
        at('192.168.1.5'),
        at('10.8.0.2'),
        '/dns4/a.example/tcp/1',
      ],
      interfaces,
    ),
  ).toEqual([
    at('192.168.1.5'),
    at('10.8.0.2'),
    '/dns4/a.example/tcp/1',
    relayed,
    at('172.17.0.1'),
    at('172.18.0.1'),
    at('127.0.0.1'),
    unix,
  ])
})

test('an address of the same range as a bridge is no bridge where another interface has it, as in a container', () => {
  const both = ['/ip4/172.17.0.2/tcp/1', '/ip4/127.0.0.1/tcp/1']
  expect(inOrderOfReach(both.toReversed(), new Map([['172.17.0.2', 'eth0']]))).toEqual(both)
})

test('the addresses of this machine are known by their interfaces', () => {
  const own = ownInterfaces()
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    for (const { address } of addresses ?? []) expect(own.get(address)).toBe(name)
  expect(own.size).toBeGreaterThan(0)
})

test('the address of a socket of both families is the one of its interface', () => {
  expect([plainIp('::ffff:192.0.2.1'), plainIp('2001:db8::1'), plainIp(undefined)]).toEqual([
    '192.0.2.1',
    '2001:db8::1',
    undefined,
  ])
  expect([ipOf('/ip6/2001:db8::1/tcp/1'), ipOf('/unix/x')]).toEqual(['2001:db8::1', undefined])
})

test('the address of a bridge is not known as that of one machine: each with containers has it', () => {
  const own = new Map([
    ['172.17.0.1', 'docker0'],
    ['192.168.1.5', 'eth0'],
  ])
  expect(['172.17.0.1', '192.168.1.5', '192.168.1.6', undefined].map((ip) => isOwn(ip, own))).toEqual([
    false,
    true,
    false,
    false,
  ])
})
