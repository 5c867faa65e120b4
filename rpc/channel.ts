import { currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { InvalidArgument, ProtocolError, type RemoteActorError } from '../node/errors.ts'
import { encode } from './codec.ts'
import { decodeFailure, type EncodedFailure } from './error-codec.ts'
import { FrameStream } from './frame-stream.ts'
import { BROKEN, CREDIT, END, HELLO, ITEM, PART_DATA, parseStreamFrame, STARTED } from './protocol.ts'
import type { CountedStream, Stats } from './stats.ts'
import { transferable } from './transferable.ts'
import type { Wire } from './wire.ts'

/** Items that a receiver lets a sender have under way. */
export const WINDOW_ITEMS = 1_024
/** Bytes that a receiver lets a sender have under way; one item may overdraw it, by a frame at most. */
export const WINDOW_BYTES = 1024 * 1024
/** Sends, or reads, of one channel that may wait at a time. */
export const MAX_WAITERS = 10_000

interface Waiter {
  resolve(): void
  reject(error: unknown): void
}

/** What a channel's owner hears beside items. */
export interface ChannelEvents {
  /** Which call the stream belongs to; heard once, by the side that did not open it. */
  onHello?(id: number, part: number): void
  onStarted?(value: unknown): void
  /** The peer will send no more items. */
  onEnd?(): void
  /** The stream is gone; `error` says how, and is missing when both sides had ended. */
  onClose?(error: Error | undefined): void
}

/**
 * Items in both directions over a call's own stream, under credits.
 *
 * A sender spends credits in items and bytes and waits without them; a receiver grants new ones as its consumer takes
 * items. What is queued at the receiver is bounded by the window however slow the consumer is, and because nothing
 * is read off by `pause()`, a slow channel holds up no other stream of the connection.
 */
export class Channel implements CountedStream {
  readonly #frames: FrameStream
  readonly #events: ChannelEvents
  readonly #stats: Stats | undefined
  readonly #senders: Waiter[] = []
  readonly #readers: Waiter[] = []
  #creditItems = WINDOW_ITEMS
  #creditBytes = WINDOW_BYTES
  #sent = 0
  #sendEnded = false
  #queue: { value: unknown; bytes: number }[] = []
  #head = 0
  #queuedBytes = 0
  #received = 0
  #takenItems = 0
  #takenBytes = 0
  #receiveEnded = false
  #endedInFailure = false
  /** What made the other side's items raised this. */
  #broken: RemoteActorError | undefined
  #failure: Error | undefined
  #closed = false
  #greeted = false

  constructor(wire: Wire, events: ChannelEvents = {}) {
    this.#events = events
    this.#stats = wire.stats
    this.#stats?.streamOpened(this)
    this.#frames = new FrameStream(
      wire,
      {
        onFrame: (frame, bytes) => this.#onFrame(frame, bytes),
        onClose: (error) => this.#onClose(error),
      },
      'turn',
    )
  }

  get itemsReceived(): number {
    return this.#received
  }

  get itemsSent(): number {
    return this.#sent
  }

  /** Says which call the stream belongs to: the opener's first frame. */
  hello(id: number, part = PART_DATA): void {
    this.#frames.send(part === PART_DATA ? [HELLO, id] : [HELLO, id, part])
  }

  started(value: unknown): void {
    this.#frames.send([STARTED, transferable(value, 'started value')])
  }

  /**
   * Sends one item; gives a promise only when the caller has to wait for credits.
   *
   * @throws Cancelled while it waits, when the current scope is cancelled
   */
  send(value: unknown): Promise<void> | undefined {
    this.#assertSendable()
    const body = encode([ITEM, transferable(value, 'item')])
    if (this.#creditItems > 0 && this.#creditBytes > 0 && this.#senders.length === 0) {
      this.#transmit(body)
      return this.#room()
    }
    return this.#sendLater(body)
  }

  /**
   * Says that no item follows.
   *
   * @param failed because of an error that travels elsewhere: readers on the other side wait for it, and their owner
   * hands
   * it to them with `abort`
   */
  end(failed = false): void {
    if (this.#sendEnded || this.#closed) return
    this.#sendEnded = true
    this.#frames.send(failed ? [END, this.#sent, true] : [END, this.#sent])
    this.#closeWhenDone()
  }

  /** Says that no item follows because what made them raised: readers on the other side raise the failure. */
  break(failure: EncodedFailure): void {
    if (this.#sendEnded || this.#closed) return
    this.#sendEnded = true
    this.#frames.send([BROKEN, failure, this.#sent])
    this.#closeWhenDone()
  }

  /** The next item, as iterators give it. A cancel point. @throws Error how the stream broke */
  next(): IteratorResult<unknown, undefined> | Promise<IteratorResult<unknown, undefined>> {
    return this.#take() ?? this.#takeLater()
  }

  /** Ends everything at once; waiting sends and reads reject with the error. */
  abort(error: Error): void {
    this.#failure ??= error
    this.#frames.abort(error)
    this.#wakeAll()
  }

  /** Drops what is queued and takes no more items: for a consumer that left. */
  close(): void {
    this.#queue = []
    this.#head = 0
    this.#frames.close()
  }

  async #sendLater(body: Uint8Array): Promise<void> {
    const turn = async (): Promise<void> => await wait(this.#senders, 'sends')
    do {
      await turn()
      this.#assertSendable()
    } while (this.#creditItems <= 0 || this.#creditBytes <= 0)
    this.#transmit(body)
    // One woken sender wakes the next while there are credits left, so sends leave in the order they came.
    if (this.#creditItems > 0 && this.#creditBytes > 0) this.#senders.shift()?.resolve()
    await this.#room()
  }

  /** A cancel point: a peer that has stopped reading, as a stopped process has, may never make room. */
  #room(): Promise<void> | undefined {
    const room = this.#frames.drained()
    return room === undefined ? undefined : untilCancelled(currentScope(), room)
  }

  #transmit(body: Uint8Array): void {
    const bytes = this.#frames.sendEncoded(body)
    this.#sent += 1
    this.#creditItems -= 1
    this.#creditBytes -= bytes
  }

  #assertSendable(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closed) throw new ProtocolError('the other side has left the stream')
    if (this.#sendEnded) throw new InvalidArgument('this side of the stream has ended: nothing can be sent after end()')
  }

  #take(): IteratorResult<unknown, undefined> | undefined {
    const item = this.#queue[this.#head]
    if (item !== undefined) {
      this.#queue[this.#head++] = undefined as never
      if (this.#head === this.#queue.length) {
        this.#queue = []
        this.#head = 0
      }
      this.#grant(item.bytes)
      return { done: false, value: item.value }
    }
    if (this.#failure !== undefined) throw this.#failure
    if (this.#broken !== undefined) throw this.#broken
    if (this.#receiveEnded && !this.#endedInFailure) return { done: true, value: undefined }
    return undefined
  }

  async #takeLater(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      await wait(this.#readers, 'reads')
      const result = this.#take()
      if (result !== undefined) return result
    }
  }

  /** Grants come when half a window was taken: one frame for many items. */
  #grant(bytes: number): void {
    this.#queuedBytes -= bytes
    this.#takenItems += 1
    this.#takenBytes += bytes
    if (this.#receiveEnded || (this.#takenItems < WINDOW_ITEMS / 2 && this.#takenBytes < WINDOW_BYTES / 2)) return
    this.#frames.send([CREDIT, this.#takenItems, this.#takenBytes])
    this.#takenItems = 0
    this.#takenBytes = 0
  }

  #onFrame(raw: unknown, bytes: number): void {
    const frame = parseStreamFrame(raw)
    switch (frame.type) {
      case ITEM: {
        const under = this.#queue.length - this.#head + this.#takenItems
        if (this.#receiveEnded || under >= WINDOW_ITEMS || this.#queuedBytes + this.#takenBytes > WINDOW_BYTES)
          throw new ProtocolError('an item was sent without credit')
        this.#received += 1
        this.#queuedBytes += bytes
        this.#queue.push({ value: frame.value, bytes })
        this.#readers.shift()?.resolve()
        return
      }
      case CREDIT:
        if (this.#creditItems + frame.items > WINDOW_ITEMS || this.#creditBytes + frame.bytes > WINDOW_BYTES)
          throw new ProtocolError('more credits were granted than the window has')
        this.#creditItems += frame.items
        this.#creditBytes += frame.bytes
        this.#senders.shift()?.resolve()
        return
      case END:
        this.#onEnd(frame.count)
        this.#endedInFailure = frame.failed
        this.#wakeAll()
        this.#events.onEnd?.()
        this.#closeWhenDone()
        return
      case BROKEN:
        this.#onEnd(frame.count)
        this.#broken = decodeFailure(frame.failure)
        this.#wakeAll()
        this.#closeWhenDone()
        return
      case STARTED:
        this.#events.onStarted?.(frame.value)
        return
      default:
        if (this.#greeted || this.#events.onHello === undefined) throw new ProtocolError('an unexpected HELLO came')
        this.#greeted = true
        this.#events.onHello(frame.id, frame.part)
    }
  }

  #onEnd(count: number): void {
    if (count !== this.#received) throw new ProtocolError(`${count} items were sent and ${this.#received} arrived`)
    this.#receiveEnded = true
  }

  #closeWhenDone(): void {
    if (this.#sendEnded && this.#receiveEnded) this.#frames.close()
  }

  #onClose(error: Error | undefined): void {
    this.#closed = true
    this.#stats?.streamClosed(this)
    if (!this.#receiveEnded) this.#failure ??= error ?? new ProtocolError('the stream was cut before its end')
    this.#wakeAll()
    this.#events.onClose?.(this.#failure)
  }

  #wakeAll(): void {
    for (const reader of this.#readers.splice(0)) reader.resolve()
    if (this.#closed) for (const sender of this.#senders.splice(0)) sender.resolve()
  }
}

/** Waits in a queue for one's turn; leaves it when the current scope is cancelled. */
async function wait(queue: Waiter[], what: string): Promise<void> {
  if (queue.length >= MAX_WAITERS) throw new InvalidArgument(`more than ${MAX_WAITERS} ${what} wait on one stream`)
  const scope = currentScope()
  scope.throwIfCancelled()
  const waiter = Promise.withResolvers<void>()
  queue.push(waiter)
  const unlink = scope.onCancel((reason) => {
    const at = queue.indexOf(waiter)
    if (at >= 0) queue.splice(at, 1)
    waiter.reject(reason)
  })
  try {
    await waiter.promise
  } finally {
    unlink()
  }
}
