import { type CancelScope, currentScope, untilCancelled } from '../node/cancel-scope.ts'
import {
  ActorDied,
  type ActorRef,
  Cancelled,
  DeadlineExceeded,
  InvalidArgument,
  LimitExceeded,
  ProtocolError,
  RemoteActorError,
} from '../node/errors.ts'
import { noteSource, type RunningCall } from './argument-pumps.ts'
import { decodeFailure } from './error-codec.ts'
import { FrameStream } from './frame-stream.ts'
import type { Acquaintance } from './kinship.ts'
import { Places } from './places.ts'
import {
  CALL,
  type CallKind,
  CANCEL,
  CANCEL_ACTOR,
  DESCRIBE,
  FAILURE,
  type FunctionDescription,
  KINSHIP,
  KINSHIP_BACK,
  MAX_WORDS,
  parseReply,
  REFUSAL,
  RESULT,
  type StreamArgument,
} from './protocol.ts'
import { assertTransferable } from './transferable.ts'
import type { Wire } from './wire.ts'

/** Calls of one actor to one other that run at a time; more wait for a place. */
export const MAX_CALLS_IN_FLIGHT = 4_096
/** Calls that may wait for a place; more are refused. */
export const MAX_CALLS_WAITING = 65_536
/**
 * Streams that are being opened at a time; more wait their turn. A quarter of what a callee lets wait for their call:
 * with each round trip as many follow before those ahead have said which call they are for.
 */
export const MAX_STREAMS_OPENING = 64
/** Milliseconds that a cancelled call waits for the remote task to end before it goes on without it. */
export const CANCEL_ACK_MS = 1_000
/** Milliseconds by which the callee's clock may run out before the caller's own, for a deadline that both keep. */
export const DEADLINE_SKEW_MS = 1_000

/** One call under way: settles with the remote outcome, or rejects when the peer is lost. */
export class PendingCall implements RunningCall {
  readonly id: number
  readonly outcome: Promise<unknown>
  /** Whether it counts against {@link MAX_CALLS_IN_FLIGHT}. */
  readonly takesPlace: boolean
  readonly #settle = Promise.withResolvers<unknown>()
  readonly #sendCancel: (reason: Cancelled) => void
  #reason: Cancelled | undefined
  #timer: NodeJS.Timeout | undefined
  #settled = false
  #outOfTime = false
  #cut = false

  constructor(id: number, takesPlace: boolean, sendCancel: (reason: Cancelled) => void) {
    this.id = id
    this.takesPlace = takesPlace
    this.#sendCancel = sendCancel
    this.outcome = this.#settle.promise
    // Whoever started the call looks at the outcome later, or never when it left a stream early.
    this.outcome.catch(() => {})
  }

  /**
   * Asks the remote task to stop; the outcome follows from there, within `ackMs` in any case.
   *
   * @param cut the call's own stream broke: should the peer have died, that is the outcome
   */
  cancel(reason: Cancelled, cut = false, ackMs = CANCEL_ACK_MS): void {
    if (this.#reason !== undefined || this.#settled) return
    this.#reason = reason
    this.#cut = cut
    if (this.#outOfTime) {
      this.#end()
      this.#settle.reject(reason)
      return
    }
    this.#timer = setTimeout(() => this.#settle.reject(reason), ackMs)
    this.#sendCancel(reason)
  }

  resolve(value: unknown): void {
    this.#end()
    this.#settle.resolve(value)
  }

  /** The echo of our own cancel becomes the reason it was made with; every other failure stays what it is. */
  reject(error: Error): void {
    if (this.#reason === undefined && isDeadline(error)) {
      // The callee's clock was first: our own deadline is due, and its cancel says which scope it belongs to.
      this.#outOfTime = true
      this.#timer = setTimeout(() => this.#settle.reject(error), DEADLINE_SKEW_MS)
      return
    }
    this.#end()
    const echo =
      this.#reason !== undefined &&
      ((error instanceof ActorDied && !this.#cut) || (error instanceof RemoteActorError && isCancel(error.cause)))
    this.#settle.reject(echo ? this.#reason : error)
  }

  #end(): void {
    this.#settled = true
    clearTimeout(this.#timer)
  }
}

/**
 * The calling side of one long-lived stream to another actor: requests out, results, errors and acknowledgements in.
 */
export class Lane {
  readonly #frames: FrameStream
  readonly #peer: ActorRef
  readonly #acquaintance: Acquaintance
  readonly #nextId: () => number
  readonly #pending = new Map<number, PendingCall>()
  /** Of the streams that are being opened for calls of this lane. */
  readonly openings: Places
  readonly #places: Places
  #refusal: ProtocolError | undefined

  /**
   * @param nextId gives request ids that are unique among all lanes of this process
   * @param onClose called once; what it gives, if anything, tells in place of the lane how the peer died
   */
  constructor(
    wire: Wire,
    peer: ActorRef,
    nextId: () => number,
    onClose: () => Promise<ActorDied | undefined>,
    acquaintance: Acquaintance,
  ) {
    this.#peer = peer
    this.#acquaintance = acquaintance
    this.#nextId = nextId
    this.#places = new Places(MAX_CALLS_IN_FLIGHT, MAX_CALLS_WAITING, () => this.#full())
    this.openings = new Places(MAX_STREAMS_OPENING, MAX_CALLS_WAITING, () => this.#full())
    this.#frames = new FrameStream(wire, {
      onFrame: (frame) => this.#onFrame(frame),
      onClose: (error) => void onClose().then((death) => this.#rejectAll(death ?? this.#refusal ?? this.#died(error))),
    })
    this.#frames.sendSoon([KINSHIP, 0, acquaintance.proof])
  }

  get closed(): boolean {
    return this.#frames.closed
  }

  /** Whether failures that are sent to the peer carry stacks. */
  get peerSeesStacks(): boolean {
    return this.#acquaintance.seesStacks
  }

  /**
   * Starts a call once there is a place for it.
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
    for (const [i, arg] of args.entries()) assertTransferable(arg, `args[${i}]`)
    const place = this.#places.take(scope)
    if (place !== undefined) await place
    try {
      for (let room = this.#frames.drained(); room !== undefined; room = this.#frames.drained())
        await untilCancelled(scope, room)
      scope.throwIfCancelled()
      const timeoutMs = remaining(scope)
      return this.#request(
        (id) =>
          streams === undefined
            ? [CALL, id, functionId, args, timeoutMs, kind]
            : [CALL, id, functionId, args, timeoutMs, kind, streams],
        true,
      )
    } catch (error) {
      this.#places.give()
      throw error
    }
  }

  /** Asks the whole actor to end; resolves at its acknowledgement. */
  cancelActor(reason: Cancelled): PendingCall {
    return this.#request((id) => [CANCEL_ACTOR, id, reason.by, reason.why])
  }

  async describe(): Promise<FunctionDescription[]> {
    return (await this.#request((id) => [DESCRIBE, id]).outcome) as FunctionDescription[]
  }

  close(): void {
    this.#frames.close()
  }

  #request(frame: (id: number) => unknown[], takesPlace = false): PendingCall {
    if (this.#frames.closed) throw this.#died(undefined)
    const id = this.#nextId()
    const call = new PendingCall(id, takesPlace, ({ by, why }) =>
      this.#frames.sendControl([CANCEL, id, by.slice(0, MAX_WORDS), why.slice(0, MAX_WORDS)]),
    )
    this.#frames.send(frame(id))
    this.#pending.set(id, call)
    return call
  }

  #full(): LimitExceeded {
    return new LimitExceeded(
      'MAX_CALLS_WAITING',
      `as many calls to ${this.#peer.name} as may run are under way, and ${MAX_CALLS_WAITING} wait`,
    )
  }

  #onFrame(frame: unknown): void {
    const reply = parseReply(frame)
    if (reply.type === KINSHIP_BACK) return this.#acquaintance.hear(reply.proof)
    if (reply.type === REFUSAL) {
      const { name } = this.#peer
      this.#refusal = new ProtocolError(
        `${name} broke off, a call in flight may or may not have run: it got what the protocol does not allow: ${reply.why}`,
      )
      this.#frames.abort(this.#refusal)
      return
    }
    const call = this.#pending.get(reply.id)
    // An outcome that nobody waits for belongs to a call that was cancelled and did not acknowledge in time.
    if (call === undefined) return
    // Decoded while the call is still pending: a malformed failure closes the lane, which then rejects this call as
    // well.
    const failure = reply.type === FAILURE ? decodeFailure(reply.failure) : undefined
    this.#pending.delete(reply.id)
    if (call.takesPlace) this.#places.give()
    if (reply.type === FAILURE && failure !== undefined) {
      if (reply.source !== undefined) noteSource(failure, reply.source)
      call.reject(failure)
    } else if (reply.type === RESULT) call.resolve(reply.value)
  }

  #rejectAll(died: ActorDied | ProtocolError): void {
    const calls = [...this.#pending.values()]
    this.#pending.clear()
    for (const call of calls) call.reject(died)
    this.#places.admitAll()
    this.openings.admitAll()
  }

  #died(cause: Error | undefined): ActorDied {
    return new ActorDied(this.#peer, 'its connection is gone; a call in flight may or may not have run', { cause })
  }
}

/** A `FAILURE` that says nothing but "cancelled". */
export function isCancel(error: unknown): error is Cancelled {
  return error instanceof Cancelled
}

function isDeadline(error: unknown): boolean {
  return error instanceof RemoteActorError && isCancel(error.cause) && error.cause.cause instanceof DeadlineExceeded
}

/** What is left of the nearest deadline in whole milliseconds, at least 1; 0 when there is none. */
function remaining(scope: CancelScope): number {
  const { deadline } = scope
  return deadline === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.ceil(deadline - performance.now()))
}

/** Waits for a call in the current scope; a cancel of the scope reaches the remote task. */
export async function awaitOutcome(call: RunningCall, scope: CancelScope = currentScope()): Promise<unknown> {
  const unlink = scope.onCancel((reason) => call.cancel(reason, false, scope.ackMs))
  try {
    return await call.outcome
  } finally {
    unlink()
  }
}

/** @throws InvalidArgument when a name for tools is not `namespace#name` */
export function checkFunctionId(id: string): void {
  if (!/^[^#]+#[^#]+$/.test(id)) throw new InvalidArgument(`'${id}' names no function: write 'namespace#name'`)
}
