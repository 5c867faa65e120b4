import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type Host, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'

expectNothingLeft()

const secret = new Uint8Array(randomBytes(32))

async function startOne(): Promise<Host & AsyncDisposable> {
  const host = await startHost({ identity: await openIdentity(), secret, listen: ['/ip4/127.0.0.1/tcp/0'] })
  return Object.assign(host, { [Symbol.asyncDispose]: async () => await host.stop() })
}

/** What lies between two hosts: passes bytes on until it is told to lose them. */
async function startPath(to: number): Promise<{ port: number; lose(): void } & AsyncDisposable> {
  const sockets: Socket[] = []
  const server = createServer((from) => {
    const onward = connect(to, '127.0.0.1')
    sockets.push(from, onward)
    for (const socket of [from, onward]) socket.on('error', () => {})
    from.pipe(onward).pipe(from)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    lose: () => {
      for (const socket of sockets) socket.unpipe().resume()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a connection over which nothing comes back is aborted, one that answers is kept', async () => {
  await using a = await startOne()
  await using b = await startOne()
  const [, port = ''] = /\/tcp\/(\d+)/.exec(a.addresses()[0] ?? '') ?? []
  await using path = await startPath(Number(port))
  const connection = await b.connect(a.peerId, [`/ip4/127.0.0.1/tcp/${path.port}`])
  await b.abortDeaf(a.peerId, 2_000)
  expect([connection.status, b.isConnected(a.peerId)]).toEqual(['open', true])
  path.lose()
  await b.abortDeaf(a.peerId, 200)
  await eventually('it is gone', () => !b.isConnected(a.peerId))
  expect(await b.connect(a.peerId, a.addresses())).not.toBe(connection)
})
