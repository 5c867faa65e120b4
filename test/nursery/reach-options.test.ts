import { expect, test } from 'vitest'
import { MAX_GATEWAYS } from '../../node/port-mapping.ts'
import { checkPortMapping, readRelayOption } from '../../nursery/reach-options.ts'

const PEER = '12D3KooWCoeUhZn6VAFYTF8wY4qTnfj5BhbwV2QNqSx263gPFmMs'
const open = ['/ip4/0.0.0.0/tcp/4001']
const joins = [{ peerId: PEER, addrs: [`/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`] }]

test('a root relays for its own machine when it is open to others, and for members when it offers that', () => {
  expect(readRelayOption(undefined, undefined, undefined, joins)).toEqual({ relays: false, through: [] })
  expect(readRelayOption(undefined, open, undefined, joins)).toEqual({ relays: true, through: [] })
  expect(readRelayOption('offer', open, undefined, [])).toEqual({ relays: 'members', through: [] })
})

test('a root that uses relays asks those it joins by, or those it is told', () => {
  expect(readRelayOption('use', open, undefined, joins)).toEqual({ relays: true, through: joins })
  const { through } = readRelayOption([`/dns4/relay.example/tcp/1/p2p/${PEER}`], undefined, undefined, [])
  expect(through.map(({ peerId }) => peerId)).toEqual([PEER])
})

test('what does not go together is refused in words that say what to do', () => {
  expect(() => readRelayOption('offer', ['/ip4/127.0.0.1/tcp/0'], undefined, [])).toThrow(/'listen' address beyond/)
  expect(() => readRelayOption('use', open, undefined, [])).toThrow(/join by an invitation/)
  expect(() => readRelayOption('use', open, ['/ip4/192.0.2.1/tcp/1'], joins)).toThrow(/either 'announce' or 'relay'/)
  expect(() => readRelayOption('yes' as never, open, undefined, joins)).toThrow(/'offer', 'use' or an array/)
  expect(() => readRelayOption(['/ip4/192.0.2.1/tcp/1'], open, undefined, [])).toThrow(/peer id/)
})

test('a router is asked for a port that is open, and named by a URL', () => {
  expect(checkPortMapping(undefined, undefined)).toBe(false)
  expect(checkPortMapping(true, open)).toBe(true)
  expect(checkPortMapping(['http://192.168.1.1:5000/rootDesc.xml'], open)).toHaveLength(1)
  expect(() => checkPortMapping(true, undefined)).toThrow(/'listen' address beyond/)
  for (const routers of [
    [],
    ['192.168.1.1'],
    ['ftp://192.168.1.1/'],
    Array.from({ length: MAX_GATEWAYS + 1 }, () => 'http://r/'),
  ])
    expect(() => checkPortMapping(routers, open)).toThrow(/at most 4 URLs/)
})
