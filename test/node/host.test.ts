import { randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, Server } from 'node:net'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { currentScope } from '../../node/cancel-scope.ts'
import { type Host, MAX_CONNECTIONS_PER_PEER, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { moveOnAfter } from '../../node/scopes.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { within } from '../support/within.ts'

const PROTOCOL = '/greenroom-test/1'

expectNothingLeft()

type Hosts = [Host, Host, Host, ...Host[]] & AsyncDisposable

/** Hosts that stop, the youngest first, when the test leaves its block. */
async function hosts(count: number, secrets: readonly Uint8Array[] = [newSecret()]): Promise<Hosts> {
  const started: Host[] = []
  for (let i = 0; i < count; i++) started.push(await startOne(secrets[i % secrets.length]!))
  return Object.assign(started as [Host, Host, Host], {
    [Symbol.asyncDispose]: async () => {
      for (const host of started.toReversed()) await within('the stop of a host', host.stop())
    },
  })
}

const secretOf = new WeakMap<Host, Uint8Array>()

async function startOne(secret: Uint8Array): Promise<Host> {
  const host = await startHost({ identity: await openIdentity(), secret })
  secretOf.set(host, secret)
  return host
}

function newSecret(): Uint8Array {
  return new Uint8Array(randomBytes(32))
}

test('gossip knows the peers that were introduced, until they are gone, and not those that are merely connected', async () => {
  const topic = 'greenroom-test/gossip'
  await using trio = await hosts(3)
  const [a, b, c] = trio
  for (const host of trio) host.gossip.subscribe(topic)
  await a.connect(c.peerId, c.addresses())
  await a.connect(b.peerId, b.addresses())
  a.introduce(b.peerId)
  b.introduce(a.peerId)
  await eventually('the introduced know each other', () => {
    const [ofA, ofB] = [a, b].map((host) => host.gossip.getSubscribers(topic).map(String))
    return ofA!.includes(b.peerId) && ofB!.includes(a.peerId)
  })
  expect(a.gossip.getSubscribers(topic).map(String)).toEqual([b.peerId])
  expect(c.gossip.getSubscribers(topic)).toEqual([])
  a.drop(b.peerId, new Error('it is no neighbour any more'), 1)
  await eventually('gossip forgets who is gone', () =>
    [a, b].every((host) => host.gossip.getSubscribers(topic).length === 0 && host.gossip.getPeers().length === 0),
  )
})

describe('who gets in', () => {
  test('two hosts with one secret connect, and both hear of it', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    const heard = Promise.withResolvers<string>()
    const unlink = b.onConnect(heard.resolve)
    await a.connect(b.peerId, b.addresses())
    expect(await within('the connect event', heard.promise)).toBe(a.peerId)
    expect(a.isConnected(b.peerId)).toBe(true)
    unlink()
  })

  test('a host with another secret cannot finish the handshake, and is not held against the others', async () => {
    const secret = newSecret()
    await using trio = await hosts(3, [secret, newSecret(), secret])
    const [a, stranger, c] = trio
    await expect(within('the dial', stranger.connect(a.peerId, a.addresses()))).rejects.toThrow(/./)
    await expect(within('the dial', a.connect(stranger.peerId, stranger.addresses()))).rejects.toThrow(/./)
    expect([a.isConnected(stranger.peerId), stranger.isConnected(a.peerId)]).toEqual([false, false])
    await a.connect(c.peerId, c.addresses())
    expect(a.isConnected(c.peerId)).toBe(true)
  })

  test('a dial that finds another peer at the address fails', async () => {
    await using trio = await hosts(3)
    const [a, b, c] = trio
    const elsewhere = c.addresses().map((address) => address.replace(/\/p2p\/.*$/, ''))
    await expect(within('the dial', a.connect(b.peerId, elsewhere))).rejects.toThrow(/./)
    expect(a.isConnected(b.peerId)).toBe(false)
  })

  test('a peer that is dropped is cut off and kept out in both directions, for its time', async () => {
    await using trio = await hosts(3)
    const [a, b, c] = trio
    await Promise.all([b, c].map(async (host) => await host.connect(a.peerId, a.addresses())))
    await eventually('a knows both', () => a.isConnected(b.peerId) && a.isConnected(c.peerId))
    a.drop(b.peerId, new Error('it misbehaved'), deadline(1_000))
    await eventually('b is cut off', () => !b.isConnected(a.peerId) && !a.isConnected(b.peerId))
    await expect(within('a dial', a.connect(b.peerId, b.addresses()))).rejects.toThrow(/./)
    await b.connect(a.peerId, a.addresses()).catch(() => {})
    await eventually('b is not let in', () => !b.isConnected(a.peerId) && !a.isConnected(b.peerId))
    expect(a.isConnected(c.peerId)).toBe(true)
    await eventually('b is let in again', async () => {
      await b.connect(a.peerId, a.addresses())
      return a.isConnected(b.peerId)
    })
  })

  test('more than MAX_CONNECTIONS_PER_PEER connections of one peer are refused, and nobody else is', async () => {
    await using trio = await hosts(2)
    const [a, c] = trio
    const identity = await openIdentity()
    const secret = secretOf.get(a)!
    // hosts that share an identity are one peer with many connections
    const twins = await Promise.all(
      Array.from({ length: MAX_CONNECTIONS_PER_PEER + 3 }, async () => await startHost({ identity, secret })),
    )
    for (const twin of twins) await twin.connect(a.peerId, a.addresses()).catch(() => {})
    const inside = (): number => twins.filter((twin) => twin.isConnected(a.peerId)).length
    await eventually('those above the limit are out', () => inside() === MAX_CONNECTIONS_PER_PEER)
    await c.connect(a.peerId, a.addresses())
    for (const twin of twins) await twin.stop()
  })

  test('bytes that are no handshake disturb nobody', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    const port = Number(/tcp\/(\d+)/.exec(a.addresses().join(' '))?.[1])
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(randomBytes(10_000))
    await b.connect(a.peerId, a.addresses())
    expect(b.isConnected(a.peerId)).toBe(true)
    socket.destroy()
  })
})

describe('where it listens', () => {
  test('only on loopback, on a port that was free', async () => {
    await using pair = await hosts(2)
    const ofTcp = (host: Host): string[] => host.addresses().filter((address) => !address.startsWith('/unix/'))
    const ports = new Set(pair.flatMap((host) => ofTcp(host).map((address) => address.split('/')[4])))
    for (const host of pair)
      for (const address of ofTcp(host)) expect(address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)
    expect(ports.size).toBe(2)
  })

  test.runIf(process.platform === 'linux')(
    'on Linux also on a unix socket without a file, which is dialled first',
    async () => {
      await using pair = await hosts(2)
      const [a, b] = pair
      const sockets = pair.map((host) =>
        host.addresses().filter((address) => address.startsWith('/unix/%00greenroom-')),
      )
      expect(sockets.map((own) => own.length)).toEqual([1, 1])
      const connection = await a.connect(b.peerId, b.addresses())
      expect(connection.remoteAddr.toString()).toContain('/unix/')
    },
  )

  test('a unix socket that does not exist here is passed over for the port', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    const ports = b.addresses().filter((address) => !address.startsWith('/unix/'))
    const connection = await a.connect(b.peerId, ['/unix/%00greenroom-of-another-machine', ...ports])
    expect(connection.remoteAddr.toString()).toContain('/tcp/')
  })

  test.runIf(process.platform === 'linux')('near, it listens on a unix socket alone', async () => {
    await using pair = await hosts(1)
    const near = await startHost({ identity: await openIdentity(), secret: secretOf.get(pair[0])!, listen: 'near' })
    expect(near.addresses()).toEqual([expect.stringMatching(/^\/unix\/%00greenroom-/)])
    await pair[0].connect(near.peerId, near.addresses())
    await eventually('it is connected', () => near.isConnected(pair[0].peerId))
    await near.stop()
  })

  test('near, it takes a loopback port where unix sockets are forbidden', async () => {
    const prototype = Server.prototype as { listen: (...args: never[]) => Server }
    const { listen } = prototype
    prototype.listen = function (this: Server, ...args: [{ path?: string }, ...never[]] | never[]): Server {
      if (args[0]?.path === undefined) return Reflect.apply(listen, this, args) as Server
      process.nextTick(() => this.emit('error', new Error('EPERM: unix sockets are forbidden')))
      return this
    }
    try {
      const near = await startHost({ identity: await openIdentity(), secret: newSecret(), listen: 'near' })
      expect(near.addresses()).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)])
      await near.stop()
    } finally {
      prototype.listen = listen
    }
  })

  test('on the addresses that it is given', async () => {
    const host = await startHost({
      identity: await openIdentity(),
      secret: newSecret(),
      listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.2/tcp/0'],
    })
    expect(host.addresses().map((address) => address.split('/')[2])).toEqual(['127.0.0.1', '127.0.0.2'])
    await host.stop()
  })

  test('a port that is taken is an error, and nothing is left of the attempt', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const start = startHost({
      identity: await openIdentity(),
      secret: newSecret(),
      listen: [`/ip4/127.0.0.1/tcp/${port}`],
    })
    await expect(start).rejects.toThrow(/./)
    server.close()
    await once(server, 'close')
  })
})

describe('connections', () => {
  test('a second connect gives the connection that is open', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    const first = await a.connect(b.peerId, b.addresses())
    expect(await a.connect(b.peerId, b.addresses())).toBe(first)
    expect(await a.connect(b.peerId, [])).toBe(first)
  })

  test('twelve dials at the same moment all succeed', async () => {
    await using all = await hosts(13)
    const [hub, ...spokes] = all
    const dials = spokes.map(async (spoke) => await spoke.connect(hub.peerId, hub.addresses()))
    await within('all dials', Promise.all(dials), 10_000)
    await eventually('the hub knows all of them', () => spokes.every((spoke) => hub.isConnected(spoke.peerId)))
  })

  test('an aborted dial ends with the reason of its signal, or with an abort error', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    const controller = new AbortController()
    const dial = a.connect(b.peerId, b.addresses(), controller.signal)
    controller.abort(new Error('enough'))
    await expect(within('the dial', dial)).rejects.toThrow(/./)
  })

  test('the end of a host is seen by the others at once', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    await a.connect(b.peerId, b.addresses())
    await eventually('b knows the connection', () => b.isConnected(a.peerId))
    const gone = Promise.withResolvers<string>()
    a.onDisconnect(gone.resolve)
    await b.stop()
    expect(await within('the disconnect', gone.promise, 1_000)).toBe(b.peerId)
    expect(a.isConnected(b.peerId)).toBe(false)
  })

  test('what arrives on a connection does not run in the scope that dialled it', async () => {
    await using pair = await hosts(2)
    const [a, b] = pair
    const seen = Promise.withResolvers<boolean>()
    await a.handle(PROTOCOL, (stream) => {
      seen.resolve(currentScope().deadline === Number.POSITIVE_INFINITY && !currentScope().cancelled)
      stream.abort(new Error('enough'))
    })
    // the dialling scope has ended, with its deadline, when the stream comes in
    await moveOnAfter(60_000, async () => await a.connect(b.peerId, b.addresses()))
    await eventually('b knows the connection', () => b.isConnected(a.peerId))
    const connection = await b.connect(a.peerId, a.addresses())
    await connection.newStream(PROTOCOL).catch(() => {})
    expect(await within('the stream', seen.promise)).toBe(true)
  })
})

describe('the end', () => {
  test('stop leaves no timer and no socket, whatever is connected or under way', async () => {
    const trio = await hosts(3)
    const [a, b, c] = trio
    await a.handle(PROTOCOL, () => {})
    const connection = await b.connect(a.peerId, a.addresses())
    await connection.newStream(PROTOCOL)
    const dial = c.connect(a.peerId, a.addresses()).catch(() => {})
    await trio[Symbol.asyncDispose]()
    await dial
  })

  test('two connected hosts stop at the same moment', async () => {
    const pair = await hosts(2)
    const [a, b] = pair
    await a.connect(b.peerId, b.addresses())
    await within('both stops', Promise.all([a.stop(), b.stop()]), 2_000)
  })
})
