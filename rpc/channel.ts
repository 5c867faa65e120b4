import { ProtocolError } from '../node/errors.ts'
import { AssemblyBudget, type Reserve } from './assembly-budget.ts'
import { decodeFailure, type EncodedFailure } from './error-codec.ts'
import { FrameStream } from './frame-stream.ts'
import { ItemReceiver } from './item-receiver.ts'
import { ItemSender } from './item-sender.ts'
import {
  BROKEN,
  CREDIT,
  END,
  HELLO,
  ITEM,
  ITEMS,
  PART_DATA,
  parseStreamFrame,
  PIECE,
  STARTED,
  type StreamFrame,
} from './protocol.ts'
import type { CountedStream, Stats, StreamOf } from './stats.ts'
import { transferable } from './transferable.ts'
import type { Wire } from './wire.ts'

/** What a channel's owner hears beside items. */
export interface ChannelEvents {
  /** Which part of which call the stream belongs to; heard once, by the side that did not open it. */
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
  readonly since = performance.now()
  readonly #sender: ItemSender
  readonly #receiver: ItemReceiver
  #of: StreamOf | undefined
  #sendEnded = false
  /** Its frame is out: after `#sendEnded` when a large item is still on its way. */
  #endSaid = false
  #failure: Error | undefined
  #closed = false
  #greeted = false

  /** @param reserve memory for large items of the peer */
  constructor(wire: Wire, events: ChannelEvents = {}, reserve: Reserve = new AssemblyBudget().of('')) {
    this.#events = events
    this.#stats = wire.stats
    this.#stats?.streamOpened(this)
    this.#frames = new FrameStream(
      wire,
      {
        onFrame: (frame, bytes) => this.#onFrame(parseStreamFrame(frame), bytes),
        onBytesFrame: ({ type, bytes }, size) => {
          if (type === ITEM) this.#receiver.onItem(bytes, size)
          else this.#receiver.onPiece(bytes, undefined, size)
        },
        onClose: (error) => this.#onClose(error),
      },
      'turn',
    )
    this.#sender = new ItemSender(this.#frames, () => this.#assertOpen(), wire.traffic)
    this.#receiver = new ItemReceiver({
      grant: (items, bytes) => {
        this.#frames.send([CREDIT, items, bytes])
        // A turn reads up to 2 MiB of the socket before its end: a sender that waited for that would stand still.
        this.#frames.flush()
      },
      fail: (error) => this.abort(error),
      reserve,
    })
  }

  /** Says which call it belongs to, for those who look at it. */
  belongsTo(call: StreamOf): void {
    this.#of = call
  }

  /** Missing while nobody knows which call it is for. */
  get of(): StreamOf | undefined {
    return this.#of
  }

  get credit(): { readonly items: number; readonly bytes: number } {
    return this.#sender.credit
  }

  get queued(): number {
    return this.#receiver.queued
  }

  get itemsReceived(): number {
    return this.#receiver.received
  }

  get itemsSent(): number {
    return this.#sender.sent
  }

  get bytesReceived(): number {
    return this.#frames.bytesReceived
  }

  get bytesSent(): number {
    return this.#frames.bytesSent
  }

  /** Says which part of which call the stream belongs to: the opener's first frame. */
  hello(id: number, part = PART_DATA): void {
    this.#frames.send(part === PART_DATA ? [HELLO, id] : [HELLO, id, part])
  }

  started(value: unknown): void {
    this.#frames.send([STARTED, transferable(value, 'started value')])
  }

  /**
   * Sends one item; gives a promise only when the caller has to wait: for credits, for room, or for the event loop to
   * turn once after much was sent.
   *
   * @throws Cancelled while it waits for credits or room, when the current scope is cancelled
   */
  send(value: unknown): Promise<void> | undefined {
    return this.#sender.send(value)
  }

  /** Like {@link send} for what `encodeItem` gave. */
  sendEncoded(body: Uint8Array): Promise<void> | undefined {
    return this.#sender.sendEncoded(body)
  }

  /**
   * Says that no item follows.
   *
   * @param failed because of an error that travels elsewhere: readers on the other side wait for it, and their owner
   * hands it to them with `abort`
   */
  end(failed = false): void {
    this.#end(() => (failed ? [END, this.#sender.sent, true] : [END, this.#sender.sent]))
  }

  /** Says that no item follows because what made them raised: readers on the other side raise the failure. */
  break(failure: EncodedFailure): void {
    this.#end(() => [BROKEN, failure, this.#sender.sent])
  }

  /** The next item if one is there already. */
  takeQueued(): IteratorResult<unknown, undefined> | undefined {
    return this.#receiver.takeQueued()
  }

  /** The next item, as iterators give it. A cancel point. @throws Error how the stream broke */
  next(): IteratorResult<unknown, undefined> | Promise<IteratorResult<unknown, undefined>> {
    return this.#receiver.next()
  }

  /** Ends everything at once; waiting sends and reads reject with the error. */
  abort(error: Error): void {
    this.#failure ??= error
    this.#receiver.fail(error)
    this.#frames.abort(error)
  }

  /** Drops what is queued and takes no more items: for a consumer that left. */
  close(): void {
    this.#receiver.drop()
    this.#frames.close()
  }

  #end(frame: () => unknown[]): void {
    if (this.#sendEnded || this.#closed) return
    this.#sendEnded = true
    this.#sender.finish(() => {
      this.#endSaid = true
      this.#frames.send(frame())
      this.#closeWhenDone()
    })
  }

  #assertOpen(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closed) throw new ProtocolError('the other side has left the stream')
  }

  #onFrame(frame: StreamFrame, bytes: number): void {
    switch (frame.type) {
      case ITEMS:
        this.#receiver.onItems(frame.values, bytes)
        return
      case ITEM:
        this.#receiver.onItem(frame.value, bytes)
        return
      case PIECE:
        this.#receiver.onPiece(frame.piece, frame.total, bytes)
        return
      case CREDIT:
        this.#sender.addCredits(frame.items, frame.bytes)
        return
      case END:
        this.#receiver.onEnd(frame.count, frame.failed)
        this.#onEnd()
        return
      case BROKEN: {
        // Decoded first: a malformed failure is a stream that was cut, not one that has ended.
        const broken = decodeFailure(frame.failure)
        this.#receiver.onEnd(frame.count, true)
        this.#receiver.fail(broken)
        this.#onEnd()
        return
      }
      case STARTED:
        this.#events.onStarted?.(frame.value)
        return
      default:
        if (this.#greeted || this.#events.onHello === undefined) throw new ProtocolError('an unexpected HELLO came')
        this.#greeted = true
        this.#events.onHello(frame.id, frame.part)
    }
  }

  #onEnd(): void {
    this.#events.onEnd?.()
    this.#closeWhenDone()
  }

  #closeWhenDone(): void {
    if (this.#endSaid && this.#receiver.ended) this.#frames.close()
  }

  #onClose(error: Error | undefined): void {
    this.#closed = true
    this.#stats?.streamClosed(this)
    if (!this.#receiver.ended) {
      this.#failure ??= error ?? new ProtocolError('the stream was cut before its end')
      this.#receiver.fail(this.#failure)
    }
    this.#sender.close()
    this.#events.onClose?.(this.#failure)
  }
}
