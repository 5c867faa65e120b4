import { LimitExceeded, ProtocolError } from '../node/errors.ts'
import { decode, encode } from './codec.ts'
import { FRAME_TIMEOUT_MS, type Stallable, unwatchStall, watchStall } from './stall-watch.ts'
import type { Wire } from './wire.ts'

/** Bytes of one frame, header excluded. */
export const MAX_FRAME_BYTES = 1024 * 1024
/** Bytes that may wait here for a peer that does not read. */
export const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** Bytes in a batch from which on {@link FrameStream.drained} asks senders to wait until it has left. */
const FULL_BATCH_BYTES = 1024 * 1024
const HEADER_BYTES = 4

/** Receives what arrives on a {@link FrameStream}; `bytes` is the frame's size on the wire. */
export interface FrameHandler {
  onFrame(frame: unknown, bytes: number): void
  /** What arrived is no frame, or `onFrame` refused it. What is sent now still leaves; then the stream is aborted. */
  onBreach?(error: Error): void
  /** Once; `error` is missing when the peer closed cleanly. */
  onClose(error: Error | undefined): void
}

/**
 * Frames with a four-byte big-endian length over a wire.
 *
 * All frames of one microtask, or of one turn of the event loop, leave in one send: what a send costs (a cipher call, a
 * header, a system call) is paid once a batch. A peer that breaks the framing gets its stream aborted; nobody else
 * notices.
 */
export class FrameStream implements Stallable {
  readonly #wire: Wire
  readonly #handler: FrameHandler
  readonly #defer: (flush: () => void) => void
  #batch: Uint8Array[] = []
  #batchBytes = 0
  #flushing = false
  #blocked = false
  #closed = false
  #drained: PromiseWithResolvers<void> | undefined
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  #needed = HEADER_BYTES

  /** @param flush `microtask` for the least latency; `turn` when frames come from a loop that awaits in between */
  constructor(wire: Wire, handler: FrameHandler, flush: 'microtask' | 'turn' = 'microtask') {
    this.#wire = wire
    this.#defer = flush === 'microtask' ? queueMicrotask : setImmediate
    this.#handler = handler
    wire.onData = (bytes) => this.#receive(bytes)
    wire.onDrain = () => this.#unblock()
    wire.onClose = (error) => this.#close(error)
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Queues a frame for the end of this microtask or turn of the event loop; gives its size in bytes. A closed stream
   * drops it: whoever waits for an answer hears of the close.
   *
   * @throws LimitExceeded when the frame is above {@link MAX_FRAME_BYTES} or more than {@link MAX_QUEUED_BYTES} wait;
   * nothing was sent then
   */
  send(frame: unknown): number {
    return this.sendEncoded(encode(frame))
  }

  /** Like {@link send}, however much waits: for the few small frames that stop work, which must never fail. */
  sendControl(frame: unknown): void {
    this.sendEncoded(encode(frame), Number.POSITIVE_INFINITY)
  }

  /**
   * Like {@link send} for a small frame that is in no hurry: it leaves ahead of the next one, in the same send, or at
   * the end of this turn of the event loop.
   */
  sendSoon(frame: unknown): void {
    const body = encode(frame)
    if (this.#closed) return
    this.#append(body)
    setImmediate(() => {
      if (!this.#blocked) this.#flush()
    })
  }

  /** Like {@link send} for a frame that is encoded already. */
  sendEncoded(body: Uint8Array, maxQueued: number = MAX_QUEUED_BYTES): number {
    const size = body.byteLength
    if (size > MAX_FRAME_BYTES)
      throw new LimitExceeded(
        'MAX_FRAME_BYTES',
        `a message of ${size} bytes is above ${MAX_FRAME_BYTES}: send it in pieces through a stream`,
      )
    if (this.#closed) return size
    if (this.#batchBytes > maxQueued)
      throw new LimitExceeded('MAX_QUEUED_BYTES', `${this.#batchBytes} bytes wait for a peer that does not read`)
    this.#append(body)
    if (!this.#flushing && !this.#blocked) {
      this.#flushing = true
      this.#defer(() => this.#flush())
    }
    return size
  }

  #append(body: Uint8Array): void {
    const header = new Uint8Array(HEADER_BYTES)
    new DataView(header.buffer).setUint32(0, body.byteLength)
    this.#batch.push(header, body)
    this.#batchBytes += HEADER_BYTES + body.byteLength
  }

  /**
   * Resolves when there is room for more; gives nothing when there is room now. Of several that wait the first one
   * may fill it again: senders of bulk ask until they get nothing.
   */
  drained(): Promise<void> | undefined {
    if (this.#closed || !(this.#blocked || this.#batchBytes >= FULL_BATCH_BYTES)) return undefined
    this.#drained ??= Promise.withResolvers<void>()
    return this.#drained.promise
  }

  /** Sends what is queued, then ends the stream cleanly. */
  close(): void {
    if (this.#closed) return
    this.#blocked = false
    this.#flush()
    this.#wire.close()
    this.#close(undefined)
  }

  abort(error: Error): void {
    if (this.#closed) return
    this.#wire.abort(error)
    this.#close(error)
  }

  #flush(): void {
    this.#flushing = false
    if (this.#closed || this.#batch.length === 0) return
    const bytes = this.#batch.length === 1 ? this.#batch[0]! : concat(this.#batch, this.#batchBytes)
    this.#batch = []
    this.#batchBytes = 0
    try {
      this.#blocked = !this.#wire.send(bytes)
      if (!this.#blocked) this.#wakeSenders()
    } catch (error) {
      this.#close(error as Error)
    }
  }

  #wakeSenders(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  #unblock(): void {
    this.#blocked = false
    this.#flush()
    if (!this.#blocked) this.#wakeSenders()
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#batch = []
    this.#chunks = []
    unwatchStall(this)
    this.#wakeSenders()
    this.#handler.onClose(error)
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return
    const before = this.#chunkBytes
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.byteLength
    if (this.#chunkBytes < this.#needed) {
      if (this.#chunks.length === 1) watchStall(this)
      return
    }
    let data = this.#chunks.length === 1 ? bytes : concat(this.#chunks, this.#chunkBytes)
    try {
      data = this.#parse(data)
    } catch (error) {
      this.#refuse(error as Error)
      return
    }
    this.#chunks = data.byteLength === 0 ? [] : [data]
    this.#chunkBytes = data.byteLength
    if (data.byteLength > 0) watchStall(this)
    else if (before > 0) unwatchStall(this)
  }

  onStall(): void {
    this.abort(new Error(`a frame that began was not whole within ${FRAME_TIMEOUT_MS} ms`))
  }

  #refuse(error: Error): void {
    if (this.#closed) return
    this.#handler.onBreach?.(error)
    if (error instanceof ProtocolError) this.#wire.blame?.(error)
    this.#flush()
    this.abort(error)
  }

  /** Hands every complete frame up and gives the rest back. */
  #parse(data: Uint8Array): Uint8Array {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    let at = 0
    while (!this.#closed) {
      const left = data.byteLength - at
      this.#needed = HEADER_BYTES
      if (left < HEADER_BYTES) break
      const size = view.getUint32(at)
      if (size > MAX_FRAME_BYTES)
        throw new ProtocolError(`a frame of ${size} bytes was announced, above the limit of ${MAX_FRAME_BYTES}`)
      this.#needed = HEADER_BYTES + size
      if (left < this.#needed) break
      const end = at + this.#needed
      this.#handler.onFrame(decode(data.subarray(at + HEADER_BYTES, end)), size)
      at = end
    }
    return data.subarray(at)
  }
}

function concat(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}
