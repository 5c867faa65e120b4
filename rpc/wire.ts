import type { Stream } from '@libp2p/interface'
import type { ProtocolError } from '../node/errors.ts'
import type { Stats } from './stats.ts'
import { onBytes, sendParts } from '../node/fast-path/on-bytes.ts'
import { noteBuffer } from '../node/young-memory.ts'
import { type Stallable, unwatchStall, watchStall } from './stall-watch.ts'

/** What goes over all wires to one peer. */
export interface PeerTraffic {
  /** Calls on its lanes so far, in both directions: streams that notice them leave them room. */
  calls: number
}

/** What a frame stream needs of the bytes below it: a libp2p stream, or memory when an actor calls itself. */
export interface Wire {
  /** False asks the sender to wait for `onDrain` before it sends more. */
  send(bytes: Uint8Array): boolean
  /** Like `send` for bytes in several places, of which it keeps none; gives nothing when it cannot do that now. */
  readonly sendParts?: (parts: readonly Uint8Array[], bytes: number) => boolean | undefined
  /** `false` says that it does not use the memory of the bytes any more. */
  onData: ((bytes: Uint8Array) => unknown) | undefined
  onDrain: (() => void) | undefined
  /** Called once, after which nothing arrives or leaves. */
  onClose: ((error: Error | undefined) => void) | undefined
  /** Ends the writing side after what was sent; the remote sees a clean close. */
  close(): void
  abort(error: Error): void
  /** Resolves when the peer sends no more: in answer to `close`, once it has read everything before that. */
  readonly ended: Promise<void>
  /** Says that what came over it broke the protocol. */
  readonly blame?: ((error: ProtocolError) => void) | undefined
  /** Counts what goes over it. */
  readonly stats?: Stats | undefined
  /** Of all wires to the same peer. */
  readonly traffic?: PeerTraffic | undefined
}

/** Who wants to know what happens on a wire. */
export type WireOwner = Pick<Wire, 'blame' | 'stats' | 'traffic'>

/**
 * A libp2p stream as a wire.
 *
 * Listeners are attached here, synchronously: iterating a stream after data and FIN arrived never ends, and its own
 * async iterator reads through an unbounded queue.
 *
 * @param owner hears of it when the peer breaks the protocol on it, and counts its bytes
 */
export function libp2pWire(stream: Stream, { blame, stats, traffic }: WireOwner = {}): Wire {
  let closed = false
  const ended = Promise.withResolvers<void>()
  const wire: Wire = {
    ended: ended.promise,
    send: (bytes) => {
      if (stats !== undefined) stats.bytesSent += bytes.byteLength
      // It is enciphered into a buffer as large.
      noteBuffer(2 * bytes.byteLength)
      return stream.send(bytes)
    },
    sendParts: (parts, bytes) => {
      const sent = sendParts(stream, parts, bytes)
      if (stats !== undefined && sent !== undefined) stats.bytesSent += bytes
      return sent
    },
    onData: undefined,
    onDrain: undefined,
    onClose: undefined,
    close: () =>
      void stream.close().then(
        () => {
          if (stream.status !== 'closed') watchStall(halfOpen)
        },
        (error: Error) => stream.abort(error),
      ),
    abort: (error) => stream.abort(error),
    blame,
    stats,
    traffic,
  }
  // This side has ended, and everything that it sent is with the peer, which does not end its own.
  const halfOpen: Stallable = { onStall: () => stream.abort(new Error('the peer left the stream half open')) }
  const finish = (error: Error | undefined): void => {
    if (closed) return
    closed = true
    wire.onClose?.(error)
  }
  onBytes(stream, (bytes) => {
    if (stats !== undefined) stats.bytesReceived += bytes.byteLength
    return wire.onData?.(bytes)
  })
  stream.addEventListener('drain', () => wire.onDrain?.())
  stream.addEventListener('close', (event) => {
    unwatchStall(halfOpen)
    ended.resolve()
    finish(event.error)
  })
  stream.addEventListener('remoteCloseWrite', () => {
    ended.resolve()
    finish(undefined)
    wire.close()
  })
  // The peer may have ended it while it was being opened, when nobody listened yet.
  if (stream.status !== 'open' || stream.remoteWriteStatus === 'closed')
    queueMicrotask(() => {
      finish(new Error('the stream was closed while it was being opened'))
      wire.close()
    })
  return wire
}

/** Two wires that carry bytes to each other inside one process, each delivery in a microtask of its own. Their bytes leave no actor. */
export function memoryWires(stats?: Stats): [Wire, Wire] {
  let open = true
  const make = (other: () => Wire): Wire => ({
    ended: Promise.resolve(),
    send: (bytes) => {
      if (open) queueMicrotask(() => other().onData?.(bytes))
      return true
    },
    onData: undefined,
    onDrain: undefined,
    onClose: undefined,
    close: () => shut(undefined),
    abort: (error) => shut(error),
    stats,
  })
  const shut = (error: Error | undefined): void => {
    if (!open) return
    open = false
    queueMicrotask(() => {
      left.onClose?.(error)
      right.onClose?.(error)
    })
  }
  const left: Wire = make(() => right)
  const right: Wire = make(() => left)
  return [left, right]
}
