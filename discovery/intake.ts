import { describeError, ProtocolError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import { readMessage, type Message } from './core/messages.ts'
import type { ActorRecord, SignedRecord } from './record.ts'

/** Discovery messages of one peer within a second, over a longer time; more are left out. */
export const MESSAGES_PER_SECOND = 1_000
/** Messages of one peer that may come at once: a process that was stopped for a minute gets what it missed. */
export const MESSAGES_AT_ONCE = 4_000
/** Messages of one peer left out for their number that make one strike. */
export const EXCESS_PER_STRIKE = 256
/** Bytes of one peer's messages that may wait until their signatures are checked; more are left out. */
export const MAX_UNREAD_BYTES = 8 * 1024 * 1024
/** Milliseconds of one turn of the event loop for checking the signatures in discovery messages, of all peers together. */
export const READING_MS = 4
/** Peers whose messages are counted at a time. */
const MAX_WATCHED_PEERS = 8_192

/** How a message came; by gossip, `from` is the neighbour that passed it on. */
export type Via = 'stream' | 'gossip'

/** What became of a message: it was `left out` for want of room, which is nobody's fault. */
export type Verdict = 'taken' | 'refused' | 'left out'

/** What was refused since the actor started. */
export interface Refusals {
  /** Messages that were none, or that carried a bad record. */
  refusedMessages: number
  /** Messages above the number or the bytes that one peer may send. */
  excessMessages: number
}

export interface IntakeOptions {
  /** Verifies a record. @throws BadRecord */
  readonly open: (signed: SignedRecord) => ActorRecord
  readonly onMessage: (from: string, via: Via, message: Message) => void
  /** What a peer sent is nothing that an actor of this version sends. */
  readonly onBreach: (peer: string, error: ProtocolError) => void
}

interface Unread {
  readonly from: string
  readonly via: Via
  readonly bytes: number
  readonly reading: Generator<undefined, Message>
  readonly done: (verdict: Verdict) => void
}

interface Sender {
  /** Where the messages so far end when they come at their highest rate: milliseconds of `performance.now()`. */
  paidUntil: number
  excess: number
  unread: Unread[]
  unreadBytes: number
}

/**
 * Reads the messages of discovery, as many as each peer may send, and without holding up the event loop: to check a
 * signature takes a tenth of a millisecond, and a page may bring hundreds.
 *
 * What is bad is refused as a whole and counts as a breach of who sent it. That is the right one for gossip too: nobody
 * passes on what it would refuse.
 */
export class Intake {
  readonly refusals: Refusals = { refusedMessages: 0, excessMessages: 0 }
  readonly #options: IntakeOptions
  readonly #senders = new Map<string, Sender>()
  /** Those with messages that wait, who are next first. */
  readonly #waiting = new Set<Sender>()
  readonly #log = areaLog('discovery')
  #turn: NodeJS.Immediate | undefined
  #readUntil = 0
  #closed = false

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Takes a decoded message of some bytes; the verdict comes at once unless there are many signatures to check. */
  take(from: string, via: Via, value: unknown, bytes: number): Verdict | Promise<Verdict> {
    if (this.#closed) return 'left out'
    const sender = this.#senderOf(from)
    if (!this.#mayCome(from, via, sender)) return 'left out'
    const reading = readMessage(value, this.#options.open)
    // what carries no records needs no turn of its own: an answer to a probe must not wait behind a page
    if (!carriesFacts(value)) return this.#read({ from, via, bytes, reading, done: ignore }, Infinity) ?? 'left out'
    if (sender.unread.length === 0) {
      const unread: Unread = { from, via, bytes, reading, done: ignore }
      const verdict = this.#read(unread, this.#beginTurn())
      if (verdict !== undefined) return verdict
    }
    if (sender.unreadBytes + bytes > MAX_UNREAD_BYTES) {
      this.refusals.excessMessages++
      return 'left out'
    }
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    sender.unread.push({ from, via, bytes, reading, done: resolve })
    sender.unreadBytes += bytes
    this.#waiting.add(sender)
    return promise
  }

  close(): void {
    this.#closed = true
    clearImmediate(this.#turn)
    for (const { unread } of this.#waiting) for (const { done } of unread) done('left out')
    this.#waiting.clear()
    this.#senders.clear()
  }

  /** Gives the end of this turn's time for reading. */
  #beginTurn(): number {
    if (this.#turn === undefined) {
      this.#readUntil = performance.now() + READING_MS
      this.#turn = setImmediate(() => this.#goOn())
    }
    return this.#readUntil
  }

  #goOn(): void {
    this.#turn = undefined
    if (this.#waiting.size === 0) return
    const until = this.#beginTurn()
    for (const sender of this.#waiting) {
      this.#waiting.delete(sender)
      const [unread] = sender.unread
      if (unread !== undefined) {
        const verdict = this.#read(unread, until)
        if (verdict !== undefined) {
          sender.unread.shift()
          sender.unreadBytes -= unread.bytes
          unread.done(verdict)
        }
      }
      // behind the others, so that everybody has a turn
      if (sender.unread.length > 0) this.#waiting.add(sender)
      if (performance.now() >= until || this.#closed) return
    }
  }

  /** Goes on reading; gives nothing when there is more to read after `until`. */
  #read({ from, via, reading }: Unread, until: number): Verdict | undefined {
    let message: Message
    try {
      for (;;) {
        if (performance.now() >= until) return undefined
        const step = reading.next()
        if (step.done === true) {
          message = step.value
          break
        }
      }
    } catch (error) {
      return this.refuse(from, via, error)
    }
    this.#options.onMessage(from, via, message)
    return 'taken'
  }

  /** Counts what a peer should not have sent. */
  refuse(from: string, via: Via, error: unknown): Verdict {
    this.refusals.refusedMessages++
    const what = via === 'gossip' ? 'gossip' : 'a message'
    this.#log.warn(`${what} from ${from.slice(-8)} was refused: ${describeError(error)}`)
    this.#options.onBreach(from, new ProtocolError(describeError(error), { cause: error }))
    return 'refused'
  }

  #mayCome(from: string, via: Via, sender: Sender): boolean {
    const now = performance.now()
    const cost = 1_000 / MESSAGES_PER_SECOND
    sender.paidUntil = Math.max(now, sender.paidUntil) + cost
    if (sender.paidUntil - now <= MESSAGES_AT_ONCE * cost) return true
    sender.paidUntil -= cost
    this.refusals.excessMessages++
    // gossip is from everybody, whoever passes it on
    if (via === 'stream' && ++sender.excess % EXCESS_PER_STRIKE === 0)
      this.#options.onBreach(
        from,
        new ProtocolError(`${sender.excess} messages came above ${MESSAGES_PER_SECOND} a second`),
      )
    return false
  }

  #senderOf(peer: string): Sender {
    const sender = this.#senders.get(peer) ?? { paidUntil: 0, excess: 0, unread: [], unreadBytes: 0 }
    // set anew, so that the map is in the order of the last messages
    this.#senders.delete(peer)
    this.#senders.set(peer, sender)
    const [first] = this.#senders.keys()
    if (this.#senders.size > MAX_WATCHED_PEERS) this.#senders.delete(first!)
    return sender
  }
}

function carriesFacts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'facts' in value
}

const ignore = (): void => {}
