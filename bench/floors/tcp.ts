import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { playFloor } from './floor.ts'
import { FrameLink } from './link.ts'
import { socketWire } from './socket-wire.ts'

/** Plain TCP: what the same frames cost without encryption and without streams. */
await playFloor<number>(import.meta.filename, {
  listen: async (onLink) => {
    const server = createServer((socket) => onLink(new FrameLink(socketWire(socket))))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  },
  connect: async (port) => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const link = new FrameLink(socketWire(socket))
    return { calls: link, data: link, close: () => void socket.destroy() }
  },
})
