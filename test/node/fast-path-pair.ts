import { createHash, randomBytes } from 'node:crypto'
import type { Connection, Libp2pEvents, Stream, TypedEventTarget } from '@libp2p/interface'
import type { Muxer, NoiseConnection, SocketConnection } from '../../node/fast-path/private-fields.ts'
import { type Host, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { eventually } from '../support/eventually.ts'

const PROTOCOL = '/greenroom-test/fast-path/1'

export type Path = 'on' | 'off'

/** Who dials whom: the fast path on both sides, on one of them, and on none. */
export const PAIRS: readonly (readonly [name: string, dialler: Path, listener: Path])[] = [
  ['fast to fast', 'on', 'on'],
  ['fast to stock', 'on', 'off'],
  ['stock to fast', 'off', 'on'],
  ['stock to stock', 'off', 'off'],
]

/** The layers of one end of a connection. */
export interface Layers {
  readonly connection: Connection
  readonly muxer: Muxer & { sendFrame(header: { type: number; length: number }, data?: unknown): boolean }
  readonly noise: NoiseConnection & {
    pause(): void
    resume(): void
    addEventListener(event: 'close', on: (event: { error?: Error }) => void): void
  }
  readonly socket: SocketConnection & {
    pause(): void
    resume(): void
    socket: NodeJS.EventEmitter & { pause(): void; resume(): void }
  }
}

/** Two connected hosts; every stream that the first opens comes out of {@link open} at both ends. */
export interface HostPair extends AsyncDisposable {
  readonly hosts: readonly [Host, Host]
  readonly near: Layers
  readonly far: Layers
  open(): Promise<[near: Stream, far: Stream]>
  /** A stream of a third host to the far one. */
  openFromAnother(): Promise<[near: Stream, far: Stream]>
}

/** @param onFar called with each stream that comes in, before anything is awaited */
export async function hostPair(dialler: Path, listener: Path, onFar?: (stream: Stream) => void): Promise<HostPair> {
  const secret = new Uint8Array(randomBytes(32))
  const start = async (fastPath: Path): Promise<Host> =>
    await startHost({ identity: await openIdentity(), secret, fastPath, listen: ['/ip4/127.0.0.1/tcp/0'] })
  const [a, b] = [await start(dialler), await start(listener)]
  const arrived: Stream[] = []
  const found = Promise.withResolvers<Connection>()
  await b.handle(PROTOCOL, (stream) => {
    onFar?.(stream)
    arrived.push(stream)
  })
  const { events } = (b.gossip as unknown as { components: { events: TypedEventTarget<Libp2pEvents> } }).components
  events.addEventListener('connection:open', (event) => found.resolve(event.detail))
  const near = layers(await a.connect(b.peerId, b.addresses()))
  const far = layers(await found.promise)
  const open = async (connection: Connection): Promise<[Stream, Stream]> => {
    const stream = await connection.newStream(PROTOCOL)
    return [stream, (await eventually('the stream comes in', () => arrived.shift()))!]
  }
  const started = [a, b]
  return {
    hosts: [a, b],
    near,
    far,
    open: async () => await open(near.connection),
    openFromAnother: async () => {
      const another = await start(dialler)
      started.push(another)
      return await open(await another.connect(b.peerId, b.addresses()))
    },
    [Symbol.asyncDispose]: async () => {
      for (const host of started) await host.stop()
    },
  }
}

function layers(connection: Connection): Layers {
  const { muxer } = connection as unknown as { muxer: Layers['muxer'] & { maConn: Layers['noise'] } }
  return { connection, muxer, noise: muxer.maConn, socket: muxer.maConn.stream as Layers['socket'] }
}

/** Whether an end of a connection runs the fast path. */
export function isFast({ socket }: Layers): boolean {
  return Object.hasOwn(socket, 'onData')
}

/** Collects what arrives on a stream. */
export class Sink {
  bytes = 0
  ended = false
  error: Error | undefined
  readonly #hash = createHash('sha256')
  readonly #parts: Uint8Array[] = []

  constructor(stream: Stream) {
    stream.addEventListener('message', (event) => {
      const bytes = event.data.subarray()
      this.bytes += bytes.byteLength
      this.#hash.update(bytes)
      this.#parts.push(new Uint8Array(bytes))
    })
    stream.addEventListener('remoteCloseWrite', () => (this.ended = true))
    stream.addEventListener('close', (event) => {
      this.ended = true
      this.error = event.error
    })
  }

  all(): Buffer {
    return Buffer.concat(this.#parts)
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}

export function digestOf(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Lets everything that a socket reads pass through `cut`, which gives the reads that the connection sees instead. */
export function recut({ socket }: Layers, cut: (read: Buffer) => Uint8Array[]): void {
  socket.socket.removeAllListeners('data')
  socket.socket.on('data', (read: Buffer) => {
    for (const part of cut(read)) socket.onData(part)
  })
}

/** Sends bytes to the other end as the noise frames of this one, past its multiplexer. */
export function sendPlaintext({ noise, socket }: Layers, bytes: Uint8Array): void {
  const sealed = (noise.handshake.encrypt(bytes) as Uint8Array).slice()
  socket.socket.write(Buffer.concat([Buffer.from([sealed.byteLength >>> 8, sealed.byteLength & 255]), sealed]))
}

/** A yamux header. */
export function header(type: number, flags: number, stream: number, length: number, version = 0): Buffer {
  const bytes = Buffer.alloc(12)
  bytes[0] = version
  bytes[1] = type
  bytes.writeUInt16BE(flags, 2)
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}
