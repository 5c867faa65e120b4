import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Host, startHost } from '../node/host.ts'
import { openIdentity } from '../node/identity.ts'
import { FrameStream } from '../rpc/frame-stream.ts'
import { libp2pWire } from '../rpc/wire.ts'

const ECHO = '/greenroom-bench/echo/1'
const SECRET = new Uint8Array(32)

/**
 * The floor of calls: one raw libp2p stream (tcp, noise, yamux) between two processes, with the codec and the batching
 * that greenroom uses and nothing else: no scopes, deadlines, allow-list or errors.
 */
export class Floor implements AsyncDisposable {
  readonly #host: Host
  readonly #peer: ChildProcess
  readonly #frames: FrameStream
  readonly #pending = new Map<number, (value: unknown) => void>()
  #lastId = 0

  private constructor(host: Host, peer: ChildProcess, connect: (floor: Floor) => FrameStream) {
    this.#host = host
    this.#peer = peer
    this.#frames = connect(this)
  }

  static async start(): Promise<Floor> {
    const peer = fork(fileURLToPath(import.meta.url), { execArgv: [] })
    const [address] = (await once(peer, 'message')) as [{ id: string; addresses: string[] }]
    const host = await startHost({ identity: await openIdentity(), secret: SECRET })
    const connection = await host.connect(address.id, address.addresses)
    const wire = libp2pWire(await connection.newStream(ECHO))
    return new Floor(
      host,
      peer,
      (floor) => new FrameStream(wire, { onFrame: (frame) => floor.#onFrame(frame), onClose: () => {} }),
    )
  }

  echo(value: unknown): Promise<unknown> {
    const id = ++this.#lastId
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#pending.set(id, resolve)
    this.#frames.send([id, value])
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.stop()
    this.#peer.disconnect()
    await once(this.#peer, 'exit')
  }

  #onFrame(frame: unknown): void {
    const [id, value] = frame as [number, unknown]
    this.#pending.get(id)?.(value)
    this.#pending.delete(id)
  }
}

/** The floor of spawning: a bare Node process that answers once over its private channel. Milliseconds. */
export async function forkOnce(): Promise<number> {
  const start = performance.now()
  const child = fork(fileURLToPath(new URL('./answer-once.js', import.meta.url)), { execArgv: [] })
  await once(child, 'message')
  const ms = performance.now() - start
  await once(child, 'exit')
  return ms
}

if (import.meta.main) {
  const host = await startHost({ identity: await openIdentity(), secret: SECRET })
  await host.handle(ECHO, (stream) => {
    const frames: FrameStream = new FrameStream(libp2pWire(stream), {
      onFrame: (frame) => void frames.send(frame),
      onClose: () => {},
    })
  })
  process.once('disconnect', () => process.exit(0))
  process.send?.({ id: host.peerId, addresses: host.addresses() })
}
