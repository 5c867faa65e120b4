import { LimitExceeded, ProtocolError } from '../node/errors.ts'
import { BYTES_HEAD, type BytesFrame, bytesFrame } from './bytes-frame.ts'
import { decode } from './codec.ts'
import { FrameWriter, HEADER_BYTES } from './frame-writer.ts'
import { FRAME_TIMEOUT_MS, type Stallable, unwatchStall, watchStall } from './stall-watch.ts'
import type { Wire } from './wire.ts'

/** Bytes of one frame, header excluded. */
export const MAX_FRAME_BYTES = 1024 * 1024
/** Bytes that may wait here for a peer that does not read. */
export const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** Bytes in a batch from which on {@link FrameStream.drained} asks senders to wait until it has left. */
const FULL_BATCH_BYTES = 1024 * 1024
/** Bytes that leave at once and from where they are, rather than from a copy of them at the end of the turn. */
const UNCOPIED_BYTES = 32 * 1024
/** Bytes below which a piece of a frame is put together with the one before. */
const SMALL_BYTES = 1024

/** Receives what arrives on a {@link FrameStream}; `bytes` is the frame's size on the wire. */
export interface FrameHandler {
  onFrame(frame: unknown, bytes: number): void
  /**
   * Gets a frame before it is decoded: bytes `start` to `end`, which are the stream's and not to be kept. Gives whether
   * it has taken it; else it comes to `onFrame`. For the few shapes that most frames have.
   */
  onBytes?(bytes: Uint8Array, start: number, end: number): boolean
  /** Gets a frame that consists of nothing but bytes, with memory of their own; without it such a frame is decoded. */
  onBytesFrame?(frame: BytesFrame, bytes: number): void
  /** What arrived is no frame, or was refused by this handler. What is sent now still leaves; then the stream is aborted. */
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
  readonly #writer = new FrameWriter(MAX_FRAME_BYTES)
  readonly #flushLater = (): void => this.#flush()
  /** Bytes of frames so far, those that wait here not included. */
  bytesReceived = 0
  bytesSent = 0
  #flushing = false
  #blocked = false
  #closed = false
  #batch = 0
  #drained: PromiseWithResolvers<void> | undefined
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  #needed = HEADER_BYTES
  /** A frame of bytes that comes; what of it is there. */
  #filling: BytesFrame | undefined
  #filled = 0

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

  /** The number of the batch that is being filled: what was put into it has not left this process in any part. */
  get batch(): number {
    return this.#batch
  }

  /** Whether senders do well to wait for {@link drained}. */
  get full(): boolean {
    return !this.#closed && (this.#blocked || this.#writer.length >= FULL_BATCH_BYTES)
  }

  /** Resolves when the peer sends no more: after {@link close}, once it has read what was sent before. */
  get ended(): Promise<void> {
    return this.#wire.ended
  }

  /**
   * Queues a frame for the end of this microtask or turn of the event loop; gives its size in bytes. A closed stream
   * drops it: whoever waits for an answer hears of the close.
   *
   * @throws LimitExceeded when the frame is above {@link MAX_FRAME_BYTES} or more than {@link MAX_QUEUED_BYTES} wait;
   * nothing was sent then
   */
  send(frame: unknown): number {
    return this.write((writer) => writer.value(frame))
  }

  /** Like {@link send}, however much waits: for the few small frames that stop work, which must never fail. */
  sendControl(frame: unknown): void {
    this.write((writer) => writer.value(frame), Number.POSITIVE_INFINITY)
  }

  /**
   * Like {@link send} for a small frame that is in no hurry: it leaves ahead of the next one, in the same send, or at
   * the end of this turn of the event loop.
   */
  sendSoon(frame: unknown): void {
    if (this.#closed) return
    const writer = this.begin(Number.POSITIVE_INFINITY)
    writer.value(frame)
    writer.close()
    setImmediate(() => {
      if (!this.#blocked) this.#flush()
    })
  }

  /** Like {@link send} for a frame that is encoded already. */
  sendEncoded(body: Uint8Array): number {
    return this.write((writer) => writer.encoded(body))
  }

  /**
   * Like {@link sendEncoded} for a frame in two parts. Large ones leave at once; what they consist of may be written
   * again as soon as this returns.
   */
  sendParts(head: Uint8Array, bytes: Uint8Array): number {
    const writer = this.begin()
    writer.encoded(head)
    const size = writer.closeBefore(bytes.byteLength)
    if (bytes.byteLength >= UNCOPIED_BYTES && !this.#blocked && !this.#closed) {
      const { waiting } = writer
      const sent = this.#wire.sendParts?.([waiting, bytes], waiting.byteLength + bytes.byteLength)
      if (sent !== undefined) {
        writer.take()
        this.bytesSent += waiting.byteLength + bytes.byteLength
        this.#leave(sent)
        return size
      }
    }
    writer.encoded(bytes)
    this.#queued()
    return size
  }

  /** Like {@link send} for a frame that a function writes. */
  write(body: (writer: FrameWriter) => void, maxQueued: number = MAX_QUEUED_BYTES): number {
    const writer = this.begin(maxQueued)
    try {
      body(writer)
      return this.end()
    } catch (error) {
      writer.undo()
      throw error
    }
  }

  /**
   * Begins a frame that the caller writes; {@link end} ends it, or the writer's `undo()` when writing it threw.
   *
   * @throws LimitExceeded when more than `maxQueued` bytes wait
   */
  begin(maxQueued: number = MAX_QUEUED_BYTES): FrameWriter {
    const writer = this.#writer
    if (writer.length > maxQueued)
      throw new LimitExceeded('MAX_QUEUED_BYTES', `${writer.length} bytes wait for a peer that does not read`)
    writer.open()
    return writer
  }

  /** Ends a frame and queues it. @throws LimitExceeded when it is above the limit; nothing was sent then */
  end(limit?: number): number {
    const size = this.#writer.close(limit)
    this.#queued()
    return size
  }

  #queued(): void {
    if (this.#closed) this.#writer.undo()
    else if (!this.#flushing && !this.#blocked) {
      this.#flushing = true
      this.#defer(this.#flushLater)
    }
  }

  /**
   * Resolves when there is room for more; gives nothing when there is room now. Of several that wait the first one
   * may fill it again: senders of bulk ask until they get nothing.
   */
  drained(): Promise<void> | undefined {
    if (!this.full) return undefined
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

  /** Sends what is queued now, not at the end of the turn. */
  flush(): void {
    if (!this.#blocked) this.#flush()
  }

  #flush(): void {
    this.#flushing = false
    if (this.#closed || this.#writer.length === 0) return
    const bytes = this.#writer.take()
    this.bytesSent += bytes.byteLength
    try {
      this.#leave(this.#wire.send(bytes))
    } catch (error) {
      this.#close(error as Error)
    }
  }

  #leave(canSendMore: boolean): void {
    this.#batch += 1
    this.#blocked = !canSendMore
    if (canSendMore) this.#wakeSenders()
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
    this.#writer.clear()
    this.#chunks = []
    this.#filling = undefined
    unwatchStall(this)
    this.#wakeSenders()
    this.#handler.onClose(error)
  }

  /** Gives whether some of the bytes are kept where they are. */
  #receive(bytes: Uint8Array): boolean {
    if (this.#closed) return false
    this.bytesReceived += bytes.byteLength
    const wasWaiting = this.#chunkBytes > 0 || this.#filling !== undefined
    let data = bytes
    if (this.#chunkBytes > 0) {
      this.#keep(bytes)
      this.#chunkBytes += bytes.byteLength
      if (this.#chunkBytes < this.#needed) return true
      data = concat(this.#chunks, this.#chunkBytes)
      this.#chunks = []
    }
    let at: number
    try {
      at = this.#parse(data, this.#filling === undefined ? 0 : this.#fill(data, 0))
    } catch (error) {
      this.#refuse(error as Error)
      return false
    }
    this.#chunkBytes = this.#closed || this.#filling !== undefined ? 0 : data.byteLength - at
    if (this.#chunkBytes > 0) this.#chunks.push(at === 0 ? data : data.subarray(at))
    if (this.#chunkBytes > 0 || this.#filling !== undefined) watchStall(this)
    else if (wasWaiting) unwatchStall(this)
    return this.#chunkBytes > 0
  }

  /** Copies to where it belongs what has come of a frame of bytes; gives how far it came. */
  #fill(data: Uint8Array, from: number): number {
    const frame = this.#filling!
    const to = Math.min(data.byteLength, from + frame.bytes.byteLength - this.#filled)
    frame.bytes.set(data.subarray(from, to), this.#filled)
    this.#filled += to - from
    if (this.#filled < frame.bytes.byteLength) return to
    this.#filling = undefined
    this.#handler.onBytesFrame!(frame, frame.head + frame.bytes.byteLength)
    return to
  }

  /** Small pieces are put together at once: a peer that sends byte by byte must not cost a network buffer each. */
  #keep(bytes: Uint8Array): void {
    const chunks = this.#chunks
    chunks.push(bytes)
    for (;;) {
      const last = chunks.at(-1)!
      const before = chunks.at(-2)
      if (before === undefined || last.byteLength >= SMALL_BYTES || before.byteLength > last.byteLength) return
      chunks.splice(-2, 2, concat([before, last], before.byteLength + last.byteLength))
    }
  }

  onStall(): void {
    this.abort(new Error(`a frame that began was not whole within ${FRAME_TIMEOUT_MS} ms`))
  }

  /** The peer broke the framing or the protocol: the one place that every such error of a stream passes. */
  #refuse(error: Error): void {
    if (this.#closed) return
    this.#handler.onBreach?.(error)
    if (error instanceof ProtocolError) this.#wire.blame?.(error)
    this.#flush()
    this.abort(error)
  }

  /** Hands every complete frame up and gives how far it came. */
  #parse(data: Uint8Array, from: number): number {
    const handler = this.#handler
    let at = from
    while (!this.#closed && this.#filling === undefined) {
      const left = data.byteLength - at
      this.#needed = HEADER_BYTES
      if (left < HEADER_BYTES) break
      const size = ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0
      if (size > MAX_FRAME_BYTES)
        throw new ProtocolError(`a frame of ${size} bytes was announced, above the limit of ${MAX_FRAME_BYTES}`)
      const start = at + HEADER_BYTES
      if (handler.onBytesFrame !== undefined && left >= HEADER_BYTES + BYTES_HEAD) {
        this.#filling = bytesFrame(data, start, size)
        this.#filled = 0
        if (this.#filling !== undefined) {
          at = this.#fill(data, start + this.#filling.head)
          continue
        }
      }
      this.#needed = HEADER_BYTES + size
      if (left < this.#needed) break
      at = start + size
      if (handler.onBytes?.(data, start, at) !== true) handler.onFrame(decode(data.subarray(start, at)), size)
    }
    return at
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
