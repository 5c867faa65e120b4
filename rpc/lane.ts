import { type CancelScope, currentScope } from '../node/cancel-scope.ts'
import {
  ActorDied,
  type ActorRef,
  Cancelled,
  InvalidArgument,
  LimitExceeded,
  RemoteActorError,
} from '../node/errors.ts'
import { decodeFailure } from './error-codec.ts'
import { FrameStream } from './frame-stream.ts'
import {
  CALL,
  type CallKind,
  CANCEL,
  CANCEL_ACTOR,
  DESCRIBE,
  FAILURE,
  type FunctionDescription,
  parseReply,
} from './protocol.ts'
import { assertTransferable } from './transferable.ts'
import type { Wire } from './wire.ts'

/** Calls of one actor to one other that run at a time; more wait for a place. */
export const MAX_CALLS_IN_FLIGHT = 4_096
/** Calls that may wait for a place; more are refused. */
export const MAX_CALLS_WAITING = 65_536
/** Milliseconds that a cancelled call waits for the remote task to end before it goes on without it. */
export const CANCEL_ACK_MS = 1_000

/** One call under way: settles with the remote outcome, or rejects when the peer is lost. */
export class PendingCall {
  readonly id: number
  readonly outcome: Promise<unknown>
  readonly settle: PromiseWithResolvers<unknown>
  readonly #sendCancel: (reason: Cancelled) => void
  #reason: Cancelled | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(id: number, sendCancel: (reason: Cancelled) => void) {
    this.id = id
    this.settle = Promise.withResolvers<unknown>()
    this.#sendCancel = sendCancel
    this.outcome = this.settle.promise
    // Whoever started the call looks at the outcome later, or never when it left a stream early.
    this.outcome.catch(() => {})
  }

  /** Asks the remote task to stop; the outcome follows from there, within {@link CANCEL_ACK_MS} in any case. */
  cancel(reason: Cancelled): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#sendCancel(reason)
    this.#timer = setTimeout(() => this.settle.reject(reason), CANCEL_ACK_MS)
  }

  resolve(value: unknown): void {
    clearTimeout(this.#timer)
    this.settle.resolve(value)
  }

  /** The echo of our own cancel becomes the reason it was made with; every other failure stays what it is. */
  reject(error: Error): void {
    clearTimeout(this.#timer)
    const echo =
      this.#reason !== undefined &&
      (error instanceof ActorDied || (error instanceof RemoteActorError && isCancel(error.cause)))
    this.settle.reject(echo ? this.#reason : error)
  }
}

/** The calling side of one long-lived stream to another actor: requests out, results, errors and acknowledgements in. */
export class Lane {
  readonly #frames: FrameStream
  readonly #peer: ActorRef
  readonly #nextId: () => number
  readonly #pending = new Map<number, PendingCall>()
  readonly #waiting: (() => void)[] = []

  /**
   * @param nextId gives request ids that are unique among all lanes of this process
   * @param onClose called once; what it gives, if anything, tells in place of the lane how the peer died
   */
  constructor(wire: Wire, peer: ActorRef, nextId: () => number, onClose: () => Promise<ActorDied | undefined>) {
    this.#peer = peer
    this.#nextId = nextId
    this.#frames = new FrameStream(wire, {
      onFrame: (frame) => this.#onFrame(frame),
      onClose: (error) => void onClose().then((death) => this.#rejectAll(death ?? this.#died(error))),
    })
  }

  get closed(): boolean {
    return this.#frames.closed
  }

  /**
   * Starts a call once there is a place for it.
   *
   * @throws InvalidArgument when an argument cannot travel
   * @throws LimitExceeded when too many calls wait, or the arguments are larger than a frame
   */
  async start(functionId: string, args: readonly unknown[], kind: CallKind, scope: CancelScope): Promise<PendingCall> {
    for (const [i, arg] of args.entries()) assertTransferable(arg, `args[${i}]`)
    if (this.#pending.size >= MAX_CALLS_IN_FLIGHT) await this.#place(scope)
    scope.throwIfCancelled()
    const timeoutMs = remaining(scope)
    return this.#request((id) => [CALL, id, functionId, args, timeoutMs, kind])
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

  #request(frame: (id: number) => unknown[]): PendingCall {
    if (this.#frames.closed) throw this.#died(undefined)
    const id = this.#nextId()
    const call = new PendingCall(id, (reason) => this.#frames.send([CANCEL, id, reason.by, reason.why]))
    this.#frames.send(frame(id))
    this.#pending.set(id, call)
    return call
  }

  async #place(scope: CancelScope): Promise<void> {
    if (this.#waiting.length >= MAX_CALLS_WAITING)
      throw new LimitExceeded(
        'MAX_CALLS_WAITING',
        `${MAX_CALLS_IN_FLIGHT} calls to ${this.#peer.name} are in flight and ${MAX_CALLS_WAITING} wait`,
      )
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    const unlink = scope.onCancel(reject)
    try {
      await promise
    } finally {
      unlink()
      const at = this.#waiting.indexOf(resolve)
      if (at >= 0) this.#waiting.splice(at, 1)
    }
  }

  #onFrame(frame: unknown): void {
    const reply = parseReply(frame)
    const call = this.#pending.get(reply.id)
    // An outcome that nobody waits for belongs to a call that was cancelled and did not acknowledge in time.
    if (call === undefined) return
    this.#pending.delete(reply.id)
    if (reply.type === FAILURE) call.reject(decodeFailure(reply.failure))
    else call.resolve(reply.value)
    this.#waiting.shift()?.()
  }

  #rejectAll(died: ActorDied): void {
    const calls = [...this.#pending.values()]
    this.#pending.clear()
    for (const call of calls) call.reject(died)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #died(cause: Error | undefined): ActorDied {
    return new ActorDied(this.#peer, 'its connection is gone; a call in flight may or may not have run', { cause })
  }
}

/** A `FAILURE` that says nothing but "cancelled". */
export function isCancel(error: unknown): boolean {
  return error instanceof Cancelled
}

/** What is left of the nearest deadline in whole milliseconds, at least 1; 0 when there is none. */
function remaining(scope: CancelScope): number {
  const { deadline } = scope
  return deadline === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.ceil(deadline - performance.now()))
}

/** Waits for a call in the current scope; a cancel of the scope reaches the remote task. */
export async function awaitOutcome(call: PendingCall, scope: CancelScope = currentScope()): Promise<unknown> {
  const unlink = scope.onCancel((reason) => call.cancel(reason))
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
