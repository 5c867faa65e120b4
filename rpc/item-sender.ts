import { release } from '../node/fast-path/release.ts'
import { currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { InvalidArgument, LimitExceeded, ProtocolError } from '../node/errors.ts'
import { bytesHead, MIN_PLAIN_BYTES, plainBytes } from './bytes-frame.ts'
import { encode } from './codec.ts'
import type { FrameStream } from './frame-stream.ts'
import { ITEM, ITEMS, MAX_PIECE_BYTES, MAX_VALUE_BYTES, PIECE, PIECE_BYTES } from './protocol.ts'
import { transferable } from './transferable.ts'
import { streamTurns } from './turn-line.ts'
import type { PeerTraffic } from './wire.ts'

/** Items that a receiver lets a sender have under way. */
export const WINDOW_ITEMS = 1_024
/**
 * Bytes that a receiver lets a sender have under way; one frame may overdraw it. Calls of the same connection queue behind
 * what is under way, so more of it costs them more than it gives a stream.
 */
export const WINDOW_BYTES = 128 * 1024
/**
 * Bytes that a sender has under way while calls go over the same connection: more than what a receiver takes before it
 * grants new credits, so that those always come.
 */
export const SHARED_WINDOW_BYTES = 64 * 1024
/** Bytes that a stream sends after the last call before it has its whole window under way again. */
export const CALM_BYTES = 4 * 1024 * 1024
/**
 * Bytes that a stream sends before it lets the event loop turn once, so that what is small, calls and cancels, leaves
 * in between.
 */
export const SEND_BYTES = 64 * 1024
/** Small items that leave in one frame, and the characters of one text among them. */
const MAX_BATCH_ITEMS = 256
const MAX_BATCH_TEXT = 256

/**
 * The sending half of a stream: spends credits and waits without them.
 *
 * Numbers and other small items that need no copy are collected, and leave in one frame at the end of the turn of the
 * event loop at the latest: a frame costs more than such an item. Items above a piece leave in pieces.
 */
export class ItemSender {
  readonly #frames: FrameStream
  readonly #assertOpen: () => void
  readonly #traffic: Readonly<PeerTraffic>
  readonly #turns = streamTurns('sends wait on one stream')
  readonly #flushLater = (): void => this.#flush()
  #creditItems = WINDOW_ITEMS
  #creditBytes = WINDOW_BYTES
  #batch: unknown[] = []
  #batchBytes = 0
  #sent = 0
  #finished = false
  #unpaced = 0
  #callsSeen: number
  #sentInCalm = CALM_BYTES
  #turn: Promise<void> | undefined
  /** A large item that is on its way in pieces; others wait until it has left. */
  #pieces: Promise<void> | undefined
  #pieceCredit: PromiseWithResolvers<void> | undefined

  /**
   * @param assertOpen throws when nothing can be sent any more
   * @param traffic of the peer, for calls that the stream leaves room to; default none
   */
  constructor(frames: FrameStream, assertOpen: () => void, traffic: Readonly<PeerTraffic> = { calls: 0 }) {
    this.#frames = frames
    this.#assertOpen = assertOpen
    this.#traffic = traffic
    this.#callsSeen = traffic.calls
  }

  /** Items so far. */
  get sent(): number {
    return this.#sent
  }

  /** What the other side lets it send. */
  get credit(): { readonly items: number; readonly bytes: number } {
    return { items: this.#creditItems, bytes: Math.max(0, this.#creditBytes) }
  }

  /** Sends one item; gives a promise only when the caller has to wait. A cancel point then. */
  send(value: unknown): Promise<void> | undefined {
    this.#assertSendable()
    if (isSmall(value)) return this.#isFree() ? this.#collect(value) : this.#sendLater(() => this.#collect(value))
    const bytes = plainBytes(value)
    if (bytes !== undefined) return this.#isFree() ? this.#transmitBytes(bytes) : this.#sendCopyLater(bytes)
    return this.#sendBody(encodeItem(transferable(value, 'item'), 'an item'))
  }

  /** Like {@link send} for what {@link encodeItem} gave. */
  sendEncoded(body: Uint8Array): Promise<void> | undefined {
    this.#assertSendable()
    return this.#sendBody(body)
  }

  #sendBody(body: Uint8Array): Promise<void> | undefined {
    return this.#isFree() ? this.#transmit(body) : this.#sendLater(() => this.#transmit(body))
  }

  /** Nothing follows; calls back when all that was sent has been handed on. */
  finish(then: () => void): void {
    this.#finished = true
    this.#flush()
    if (this.#pieces === undefined) then()
    else this.#pieces.then(then, () => {})
  }

  /** @throws ProtocolError when there are more of them than the window has */
  addCredits(items: number, bytes: number): void {
    if (this.#creditItems + items > WINDOW_ITEMS || this.#creditBytes + bytes > WINDOW_BYTES)
      throw new ProtocolError('more credits were granted than the window has')
    this.#creditItems += items
    this.#creditBytes += bytes
    if (this.#pieces === undefined) this.#turns.wake()
    else this.#pieceCredit?.resolve()
  }

  /** The stream is gone: whoever waits finds out. */
  close(): void {
    this.#batch = []
    this.#turns.wakeAll()
    this.#pieceCredit?.resolve()
  }

  #assertSendable(): void {
    this.#assertOpen()
    if (this.#finished) throw new InvalidArgument('this side of the stream has ended: nothing can be sent after end()')
  }

  #hasCredits(): boolean {
    return this.#pieces === undefined && this.#creditItems > 0 && this.#creditBytes > this.#batchBytes + this.#reserve()
  }

  /** Credit that is left alone for now: calls queue behind what a stream of the same connection has under way. */
  #reserve(): number {
    const { calls } = this.#traffic
    if (calls !== this.#callsSeen) {
      this.#callsSeen = calls
      this.#sentInCalm = 0
    }
    return this.#sentInCalm < CALM_BYTES ? WINDOW_BYTES - SHARED_WINDOW_BYTES : 0
  }

  #isFree(): boolean {
    return this.#turns.length === 0 && this.#hasCredits()
  }

  async #sendLater(transmit: () => Promise<void> | undefined): Promise<void> {
    // What was collected is what the receiver grants new credits for.
    this.#flush()
    do {
      await this.#turns.wait()
      this.#assertSendable()
    } while (!this.#hasCredits())
    const room = transmit()
    // One woken sender wakes the next while there are credits left, so sends leave in the order they came.
    if (this.#hasCredits()) this.#turns.wake()
    await room
  }

  #collect(value: unknown): Promise<void> | undefined {
    if (this.#batch.length === 0) setImmediate(this.#flushLater)
    this.#batch.push(value)
    this.#batchBytes += typeof value === 'string' ? 3 * value.length + 3 : 9
    this.#sent += 1
    this.#creditItems -= 1
    if (this.#batch.length >= MAX_BATCH_ITEMS) this.#flush()
    return this.#room()
  }

  #flush(): void {
    if (this.#batch.length === 0) return
    const batch = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    this.#creditBytes -= this.#frames.sendEncoded(encode([ITEMS, batch]))
    this.#frames.flush()
  }

  #transmit(body: Uint8Array): Promise<void> | undefined {
    this.#flush()
    this.#sent += 1
    this.#creditItems -= 1
    if (body.byteLength > MAX_PIECE_BYTES) {
      this.#pieces = this.#sendPieces(body).finally(() => {
        this.#pieces = undefined
        this.#turns.wake()
      })
      this.#pieces.catch(() => {})
      return untilCancelled(currentScope(), this.#pieces)
    }
    const bytes = this.#frames.sendEncoded(body)
    this.#creditBytes -= bytes
    return this.#pace(bytes)
  }

  #transmitBytes(bytes: Uint8Array): Promise<void> | undefined {
    this.#flush()
    this.#sent += 1
    this.#creditItems -= 1
    const cost = this.#frames.sendParts(bytesHead(ITEM, bytes.byteLength), bytes)
    this.#creditBytes -= cost
    return this.#pace(cost)
  }

  /** What its owner does to the bytes meanwhile is not sent. */
  #sendCopyLater(bytes: Uint8Array): Promise<void> {
    const copy = new Uint8Array(bytes)
    return this.#sendLater(() => {
      const room = this.#transmitBytes(copy)
      release(copy)
      return room
    })
  }

  /** Goes on when whoever sent it is cancelled: half an item would be the end of the stream. */
  async #sendPieces(body: Uint8Array): Promise<void> {
    for (let at = 0; at < body.byteLength; at += PIECE_BYTES) {
      while (this.#creditBytes <= this.#reserve()) {
        this.#pieceCredit = Promise.withResolvers<void>()
        await this.#pieceCredit.promise
        this.#assertOpen()
      }
      const piece = body.subarray(at, at + PIECE_BYTES)
      const bytes =
        at === 0 || piece.byteLength < MIN_PLAIN_BYTES
          ? this.#frames.send(at === 0 ? [PIECE, piece, body.byteLength] : [PIECE, piece])
          : this.#frames.sendParts(bytesHead(PIECE, piece.byteLength), piece)
      this.#creditBytes -= bytes
      await this.#pace(bytes)
      for (let room = this.#frames.drained(); room !== undefined; room = this.#frames.drained()) await room
      this.#assertOpen()
    }
  }

  #pace(bytes: number): Promise<void> | undefined {
    this.#unpaced += bytes
    this.#sentInCalm += bytes
    if (this.#unpaced < SEND_BYTES) return this.#room()
    this.#unpaced = 0
    this.#frames.flush()
    const room = this.#room()
    if (room !== undefined) return room
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined
        resolve()
      })
    })
    return this.#turn
  }

  /** A cancel point: a peer that has stopped reading, as a stopped process has, may never make room. */
  #room(): Promise<void> | undefined {
    const room = this.#frames.drained()
    return room === undefined ? undefined : untilCancelled(currentScope(), room)
  }
}

/** What cannot change until it is encoded, travels as it is, and is not worth a frame of its own. */
function isSmall(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return value !== 0 || !Object.is(value, -0)
    case 'boolean':
    case 'undefined':
      return true
    case 'string':
      return value.length <= MAX_BATCH_TEXT && value.isWellFormed()
    default:
      return value === null
  }
}

/** An item as it travels. @param what it is, in words @throws LimitExceeded above {@link MAX_VALUE_BYTES} */
export function encodeItem(value: unknown, what: string): Uint8Array {
  const body = encode([ITEM, value])
  if (body.byteLength <= MAX_VALUE_BYTES) return body
  throw new LimitExceeded(
    'MAX_VALUE_BYTES',
    `${what} of ${body.byteLength} bytes is above ${MAX_VALUE_BYTES}: stream it, as an argument or from an async function*`,
  )
}
