import type { Socket } from 'node:net'
import type { ByteWire } from './link.ts'

/** A socket, plain or TLS, as a wire. */
export function socketWire(socket: Socket): ByteWire {
  const wire: ByteWire = { write: (bytes) => socket.write(bytes), onData: undefined, onDrain: undefined }
  socket.setNoDelay(true)
  socket.on('data', (bytes: Uint8Array) => wire.onData?.(bytes))
  socket.on('drain', () => wire.onDrain?.())
  // The end of the process says what there is to say.
  socket.on('error', () => socket.destroy())
  return wire
}
