import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { makeCertificate } from './certificate.ts'
import { playFloor } from './floor.ts'
import { FrameLink } from './link.ts'
import { socketWire } from './socket-wire.ts'

/** TLS 1.3 as Node has it: the encrypted floor whose ciphers and records are native code. */
await playFloor<{ port: number; cert: string }>(import.meta.filename, {
  listen: async (onLink) => {
    const { key, cert } = makeCertificate()
    const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (socket) =>
      onLink(new FrameLink(socketWire(socket))),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { port: (server.address() as AddressInfo).port, cert }
  },
  connect: async ({ port, cert }) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert })
    await once(socket, 'secureConnect')
    const link = new FrameLink(socketWire(socket))
    return { calls: link, data: link, close: () => void socket.destroy() }
  },
})
