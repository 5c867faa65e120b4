import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Host, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { isRelayed, leadsOutside, relayAddress, relayedBy } from '../../node/relay.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'

expectNothingLeft()

const PROTOCOL = '/greenroom-test/relay'
const secret = new Uint8Array(randomBytes(32))

async function host(
  options: { relays?: boolean; relay?: string; listen?: string[] } = {},
): Promise<Host & AsyncDisposable> {
  const started = await startHost({ identity: await openIdentity(), secret, ...options })
  return Object.assign(started, { [Symbol.asyncDispose]: async () => await started.stop() })
}

describe('a root that relays', () => {
  test('passes on whole connections, without the limits for strangers, and both ends know each other', async () => {
    await using root = await host({ relays: true })
    const relay = relayAddress(root.addresses())!
    // only there, as if its own port were closed
    await using child = await host({ relay, listen: [] })
    await using caller = await host()
    const received = Promise.withResolvers<{ bytes: number; peer: string }>()
    await child.handle(PROTOCOL, (stream, peer) => {
      let bytes = 0
      stream.addEventListener('message', ({ data }) => void (bytes += data.byteLength))
      stream.addEventListener('remoteCloseWrite', () => received.resolve({ bytes, peer }))
    })
    const connection = await caller.connect(child.peerId, [relayedBy(relay)])
    expect(connection.remotePeer.toString()).toBe(child.peerId)
    expect(isRelayed(connection.remoteAddr.toString())).toBe(true)
    const stream = await connection.newStream(PROTOCOL)
    // a stranger's connection would end after 128 KiB
    const pieces = 64
    for (let i = 0; i < pieces; i++) if (!stream.send(new Uint8Array(64 * 1024))) await within('room', stream.onDrain())
    await stream.close()
    expect(await within('all of it', received.promise)).toEqual({ bytes: pieces * 64 * 1024, peer: caller.peerId })
  })

  test('is no way to whoever does not listen there', async () => {
    await using root = await host({ relays: true })
    await using child = await host()
    await using caller = await host()
    await expect(caller.connect(child.peerId, [relayedBy(relayAddress(root.addresses())!)])).rejects.toThrow(/./)
    expect(caller.isConnected(child.peerId)).toBe(false)
  })

  test('a host that does not relay is no way either, and says so at once', async () => {
    await using root = await host()
    const relay = relayAddress(root.addresses())!
    await expect(host({ relay })).rejects.toThrow(/./)
  })
})

test.each([
  ['/ip4/192.0.2.7/tcp/1', true],
  ['/dns4/example.org/tcp/1', true],
  ['/ip6/2001:db8::1/tcp/1', true],
  ['/ip4/127.0.0.1/tcp/1', false],
  ['/ip6/::1/tcp/1', false],
  ['/ip6/fe80::1/tcp/1', false],
  ['/ip4/169.254.1.1/tcp/1', false],
  ['/unix/x', false],
  ['/ip4/127.0.0.1/tcp/1/p2p/12D3/p2p-circuit', false],
])('whether %s leads outside of this host: %s', (address, outside) => {
  expect(leadsOutside(address)).toBe(outside)
})

test('an actor reaches its relay on the shortest way: the loopback interface if it listens there', () => {
  const [unix, lan, loopback] = ['/unix/x/p2p/a', '/ip4/192.0.2.7/tcp/1/p2p/a', '/ip4/127.0.0.1/tcp/1/p2p/a']
  expect(relayAddress([unix, lan, loopback])).toBe(loopback)
  expect(relayAddress([unix, lan])).toBe(lan)
  expect(relayAddress([unix])).toBeUndefined()
})
