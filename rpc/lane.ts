import type { ActorStats } from '../node/actor-stats.ts'
import type { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, Cancelled, LimitExceeded, ProtocolError } from '../node/errors.ts'
import { tracing } from '../node/tracing.ts'
import { noteSource } from './argument-pumps.ts'
import { MAX_RELAYS_PER_PEER } from './broadcast.ts'
import { decodeFailure } from './error-codec.ts'
import { FrameStream } from './frame-stream.ts'
import type { Acquaintance } from './kinship.ts'
import { LaneFrameReader } from './lane-frames.ts'
import { type CallCarrier, PendingCall } from './pending-call.ts'
import { fetchLargeOutcome, type OpenPart, sendLargeArguments } from './large-values.ts'
import { Places } from './places.ts'
import {
  type CallKind,
  CANCEL,
  CANCEL_ACTOR,
  DESCRIBE,
  FAILURE,
  type FunctionDescription,
  KINSHIP,
  KINSHIP_BACK,
  LARGE_OUTCOME,
  type LaneReply,
  MAX_WORDS,
  parseReply,
  REFUSAL,
  RESULT,
  STATS,
  type StreamArgument,
} from './protocol.ts'
import { sendRequest, transferableArguments } from './request.ts'
import type { Stats } from './stats.ts'
import { RequestInTrace } from './traced-call.ts'
import type { CallMade } from './under-way.ts'
import { WaitingLine } from './waiting-line.ts'
import type { PeerTraffic, Wire } from './wire.ts'

/** Calls of one actor to one other that run at a time; more wait for a place. */
export const MAX_CALLS_IN_FLIGHT = 4_096
/** Calls that may wait for a place, for room, or for the lane to be opened; more are refused. */
export const MAX_CALLS_WAITING = 65_536
/**
 * Streams that are being opened at a time; more wait their turn. A quarter of what a callee lets wait for their call:
 * with each round trip as many follow before those ahead have said which call they are for.
 */
export const MAX_STREAMS_OPENING = 64

export interface LaneOptions {
  readonly peer: ActorRef
  /** Gives request ids, from 1 on, that are unique among all lanes of this process. */
  readonly nextId: () => number
  readonly acquaintance: Acquaintance
  readonly stats: Stats
  /** Called once; what it gives, if anything, tells in place of the lane how the peer died. */
  readonly onClose: () => Promise<ActorDied | undefined>
  /** Opens a stream for a part of a call that is too large for the lane. */
  readonly openPart: OpenPart
}

/**
 * The calling side of one long-lived stream to another actor: requests out, results, errors and acknowledgements in.
 *
 * It takes calls before its stream is open. Those that cannot be sent at once wait in one line, whatever they wait for,
 * so that calls start over there in the order in which they were made here.
 */
export class Lane implements CallCarrier {
  readonly peer: ActorRef
  /** Of the streams that are being opened for calls of this lane. */
  readonly openings: Places
  /** Of the relays that run over there. */
  readonly relays: Places
  readonly #acquaintance: Acquaintance
  readonly stats: Stats
  readonly #nextId: () => number
  readonly #onClose: () => Promise<ActorDied | undefined>
  readonly #openPart: OpenPart
  readonly #reader = new LaneFrameReader()
  readonly #pending = new Map<number, PendingCall>()
  readonly #line = new WaitingLine<PendingCall>()
  readonly #opened = Promise.withResolvers<void>()
  #frames: FrameStream | undefined
  #traffic: PeerTraffic | undefined
  #inFlight = 0
  #closed = false
  #draining = false
  #refusal: ProtocolError | undefined

  constructor({ peer, acquaintance, stats, nextId, onClose, openPart }: LaneOptions) {
    this.#openPart = openPart
    this.peer = peer
    this.#acquaintance = acquaintance
    this.stats = stats
    this.#nextId = nextId
    this.#onClose = onClose
    this.openings = new Places(MAX_STREAMS_OPENING, MAX_CALLS_WAITING, () => this.#full())
    this.relays = new Places(MAX_RELAYS_PER_PEER, MAX_CALLS_WAITING, () => this.#full())
    // Whoever needs the lane open asks for it; calls that wait are told themselves.
    this.#opened.promise.catch(() => {})
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether failures that are sent to the peer carry stacks. */
  get peerSeesStacks(): boolean {
    return this.#acquaintance.seesStacks
  }

  /** Whether it is open: calls wait for nothing but places and room. */
  get live(): boolean {
    return this.#frames !== undefined && !this.#closed
  }

  /** Resolves when it is open. @throws Error what {@link fail} was given */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  /** It is open: what waits is sent. */
  open(wire: Wire): void {
    if (this.#closed) return wire.close()
    const frames = new FrameStream(wire, {
      onBytes: (bytes, start, end) => this.#onBytes(bytes, start, end),
      onFrame: (frame) => this.#onReply(parseReply(frame)),
      onClose: (error) => this.#onFramesClose(frames, error),
    })
    this.#frames = frames
    this.#traffic = wire.traffic
    frames.sendSoon([KINSHIP, 0, this.#acquaintance.proof])
    this.#opened.resolve()
    this.#pump()
  }

  /** It could not be opened: nothing of what waits was sent. */
  fail(error: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#opened.reject(error)
    for (const call of this.#line.clear()) call.reject(error)
    this.openings.admitAll()
  }

  close(): void {
    if (this.#frames === undefined) this.fail(this.#gone(undefined, false))
    else this.#frames.close()
  }

  /** Sends a call, now or in its turn; whatever prevents that becomes its outcome. */
  send(call: PendingCall): void {
    if (call.settled) return
    call.waitFor(this)
    if (this.#closed) call.reject(this.#gone(undefined, false))
    else if (this.#line.size === 0 && this.#ready()) this.#transmit(call)
    else if (this.#line.size < MAX_CALLS_WAITING) {
      this.#line.push(call)
      this.#awaitRoom()
    } else call.reject(this.#full())
  }

  /**
   * Starts a call; resolves when it is sent. From then on its caller sees to its cancel.
   *
   * @throws InvalidArgument when an argument cannot travel
   * @throws LimitExceeded when too many calls wait, or the arguments are larger than a frame
   */
  async start(
    functionId: string,
    args: readonly unknown[],
    kind: CallKind,
    scope: CancelScope,
    streams?: readonly StreamArgument[],
  ): Promise<PendingCall> {
    const values = transferableArguments(args)
    scope.throwIfCancelled()
    const call =
      tracing === undefined
        ? new PendingCall(functionId, values, kind, scope, streams)
        : new RequestInTrace(tracing, functionId, values, kind, scope, streams)
    // Whoever started the call looks at the outcome later, or never when it left a stream early.
    call.outcome.catch(() => {})
    scope.link(call)
    this.send(call)
    await call.untilSent()
    call.unlink()
    return call
  }

  sendCancel({ id }: PendingCall, { by, why }: Cancelled): void {
    this.#frames?.sendControl([CANCEL, id, by.slice(0, MAX_WORDS), why.slice(0, MAX_WORDS)])
  }

  withdraw(call: PendingCall): void {
    this.#line.leave(call)
  }

  /** Asks the whole actor to end; the outcome is its acknowledgement. */
  cancelActor({ by, why }: Cancelled): PendingCall {
    return this.#request('CANCEL_ACTOR', (id) => [CANCEL_ACTOR, id, by.slice(0, MAX_WORDS), why.slice(0, MAX_WORDS)])
  }

  /** Those that have no outcome, sent or not. */
  *underWay(): Generator<CallMade> {
    for (const calls of [this.#pending.values(), this.#line.members()])
      for (const { functionId, began } of calls)
        if (began !== undefined) yield { functionId, actor: this.peer, since: began.at }
  }

  async describe(): Promise<FunctionDescription[]> {
    return (await this.#request('DESCRIBE', (id) => [DESCRIBE, id]).outcome) as FunctionDescription[]
  }

  async readStats(): Promise<ActorStats> {
    return (await this.#request('STATS', (id) => [STATS, id]).outcome) as ActorStats
  }

  #request(what: string, frame: (id: number) => unknown[]): PendingCall {
    if (this.#closed || this.#frames === undefined) throw this.#gone(undefined, false)
    const call = new PendingCall(what, [])
    call.outcome.catch(() => {})
    const id = this.#nextId()
    this.#frames.send(frame(id))
    call.sent(this, id, this.#frames.batch)
    this.#pending.set(id, call)
    return call
  }

  #ready(): boolean {
    return this.#frames !== undefined && this.#inFlight < MAX_CALLS_IN_FLIGHT && !this.#frames.full
  }

  #transmit(call: PendingCall): void {
    const frames = this.#frames!
    const id = this.#nextId()
    let large: Uint8Array | undefined
    try {
      large = sendRequest(frames, id, call)
    } catch (error) {
      call.reject(error)
      return
    }
    call.sent(this, id, frames.batch)
    this.#pending.set(id, call)
    this.#inFlight += 1
    if (this.#traffic !== undefined) this.#traffic.calls += 1
    if (large === undefined) return
    sendLargeArguments(call, large, this.#openPart, (error) => {
      this.sendCancel(call, new Cancelled('the caller', 'its arguments could not be sent'))
      call.reject(error)
    })
  }

  #pump(): void {
    while (this.#line.size > 0 && !this.#closed && this.#ready()) this.#transmit(this.#line.shift()!)
    this.#awaitRoom()
  }

  #awaitRoom(): void {
    if (this.#draining || this.#line.size === 0) return
    const room = this.#frames?.drained()
    if (room === undefined) return
    this.#draining = true
    void room.then(() => {
      this.#draining = false
      this.#pump()
    })
  }

  #onBytes(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = this.#reader
    if (!reader.readResult(bytes, start, end)) return false
    this.#take(reader.id)?.resolve(reader.value)
    return true
  }

  #onReply(reply: LaneReply): void {
    switch (reply.type) {
      case RESULT:
        this.#take(reply.id)?.resolve(reply.value)
        return
      case FAILURE:
        this.#onFailure(reply)
        return
      case LARGE_OUTCOME: {
        const call = this.#pending.get(reply.id)
        if (call !== undefined) this.#fetch(call)
        return
      }
      case KINSHIP_BACK:
        this.#acquaintance.hear(reply.proof)
        return
      case REFUSAL:
        this.#refusal = new ProtocolError(
          `${this.peer.name} broke off, a call in flight may have run: it got what the protocol does not allow: ${reply.why}`,
        )
        this.#frames?.abort(this.#refusal)
    }
  }

  #onFailure({ id, failure, source }: LaneReply & { readonly type: typeof FAILURE }): void {
    if (!this.#pending.has(id)) return
    // Decoded while the call is still pending: a malformed failure closes the lane, which then rejects this call as well.
    const error = decodeFailure(failure)
    if (source !== undefined) noteSource(error, source)
    this.#take(id)?.reject(error)
  }

  #fetch(call: PendingCall): void {
    fetchLargeOutcome(
      call,
      this.peer,
      this.#openPart,
      (reply) => this.#onReply(reply),
      (error) => this.#take(call.id)?.reject(error),
    )
  }

  /** The call that a reply is for; `undefined` when nobody waits for it, because it was not acknowledged in time. */
  #take(id: number): PendingCall | undefined {
    const call = this.#pending.get(id)
    if (call === undefined) return undefined
    this.#pending.delete(id)
    if (call.kind !== undefined) {
      this.#inFlight -= 1
      if (this.#line.size > 0) this.#pump()
    }
    return call
  }

  #onFramesClose(frames: FrameStream, error: Error | undefined): void {
    this.#closed = true
    void this.#onClose().then((death) => this.#rejectAll(death, frames.batch, error))
  }

  #rejectAll(death: ActorDied | undefined, unsent: number, cause: Error | undefined): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const call of pending) call.reject(death ?? this.#refusal ?? this.#gone(cause, call.batch < unsent))
    for (const call of this.#line.clear()) call.reject(this.#gone(death ?? cause, false))
    this.openings.admitAll()
  }

  #full(): LimitExceeded {
    return new LimitExceeded(
      'MAX_CALLS_WAITING',
      `as many calls to ${this.peer.name} as may run are under way, and ${MAX_CALLS_WAITING} wait`,
    )
  }

  #gone(cause: Error | undefined, mayHaveRun: boolean): ActorDied {
    const how = mayHaveRun ? 'the call may have run' : 'the call was not sent'
    return new ActorDied(this.peer, `its connection is gone; ${how}`, { cause, mayHaveRun, lost: true })
  }
}
