import { LimitExceeded, ProtocolError } from '../node/errors.ts'
import { FrameReader, type FrameReceiver, MAX_FRAME_BYTES } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { FRAME_TIMEOUT_MS, type Stallable, unwatchStall, watchStall } from './stall-watch.ts'
import type { Wire } from './wire.ts'

/** Bytes that may wait here for a peer that does not read. */
export const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** Bytes in a batch from which on {@link FrameStream.drained} asks senders to wait until it has left. */
const FULL_BATCH_BYTES = 1024 * 1024
/** Bytes that leave at once and from where they are, rather than from a copy of them at the end of the turn. */
const UNCOPIED_BYTES = 32 * 1024

/** Receives what arrives on a {@link FrameStream}. */
export interface FrameHandler extends FrameReceiver {
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
  readonly #reader: FrameReader
  readonly #flushLater = (): void => this.#flush()
  /** Bytes of frames so far, those that wait here not included. */
  bytesReceived = 0
  bytesSent = 0
  #flushing = false
  #blocked = false
  #closed = false
  #batch = 0
  #drained: PromiseWithResolvers<void> | undefined

  /** @param flush `microtask` for the least latency; `turn` when frames come from a loop that awaits in between */
  constructor(wire: Wire, handler: FrameHandler, flush: 'microtask' | 'turn' = 'microtask') {
    this.#wire = wire
    this.#defer = flush === 'microtask' ? queueMicrotask : setImmediate
    this.#handler = handler
    this.#reader = new FrameReader(handler)
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
    this.#reader.stop()
    unwatchStall(this)
    this.#wakeSenders()
    this.#handler.onClose(error)
  }

  /** Gives whether some of the bytes are kept where they are. */
  #receive(bytes: Uint8Array): boolean {
    if (this.#closed) return false
    this.bytesReceived += bytes.byteLength
    const reader = this.#reader
    const before = reader.unfinished
    let kept: boolean
    try {
      kept = reader.push(bytes)
    } catch (error) {
      this.#refuse(error as Error)
      return false
    }
    const { unfinished } = reader
    // A frame has its time from its first byte on, however its bytes come.
    if (unfinished !== before) {
      if (unfinished === 0) unwatchStall(this)
      else watchStall(this)
    }
    return kept
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
}
