import { CancelListener } from '../node/cancel-listener.ts'
import { type CancelScope, currentScope } from '../node/cancel-scope.ts'
import { isEcho, noteInterrupted } from '../node/echoes.ts'
import { type ClockTimer, now, startTimer, stopTimer } from '../node/clock.ts'
import { ActorDied, type ActorRef, Cancelled, DeadlineExceeded, RemoteActorError } from '../node/errors.ts'
import type { RunningCall } from './argument-pumps.ts'
import type { CallGroup } from './call-group.ts'
import { atCallSite, isOfOneCall } from './call-site.ts'
import type { CallKind, StreamArgument } from './protocol.ts'
import type { CallOutcome, Moment, Stats } from './stats.ts'
import type { ValueGraph } from './value-graph.ts'

/** Milliseconds that a cancelled call waits for the remote task to end before it goes on without it. */
export const CANCEL_ACK_MS = 1_000
/** Milliseconds by which the callee's clock may run out before the caller's own, for a deadline that both keep. */
export const DEADLINE_SKEW_MS = 1_000

/** What bounds a call beside the scope that it is made in. */
export interface CallLimits {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds. */
  readonly timeout?: number | undefined
}

/** What a call travels by. */
export interface CallCarrier {
  readonly peer: ActorRef
  readonly stats: Stats
  /** Tells the callee, which answers in any case. */
  sendCancel(call: PendingCall, reason: Cancelled): void
  /** Forgets a call that was not sent yet. */
  withdraw(call: PendingCall): void
}

const NO_ARGUMENTS: readonly unknown[] = []

/**
 * One call under way: settles with the remote outcome, or rejects when the peer is lost.
 *
 * It is itself what hears of the cancel of its scope, and holds all that is known of it: a call costs one of these and
 * a promise.
 */
export class PendingCall extends CancelListener implements RunningCall {
  readonly functionId: string
  /** `undefined` for requests that are no calls of a function: they take no place and wait for none. */
  readonly kind: CallKind | undefined
  readonly outcome: Promise<unknown>
  /** Until it was sent. */
  args: readonly unknown[] | ValueGraph
  /** Those of them that stream. */
  readonly streams: readonly StreamArgument[] | undefined
  /** Chosen by the lane when it is sent; 0 before. */
  id = 0
  /** Which of the lane's batches it left with. */
  batch = 0
  #began: Moment | undefined
  readonly #settle = Promise.withResolvers<unknown>()
  readonly #scope: CancelScope | undefined
  #carrier: CallCarrier | undefined
  #group: CallGroup | undefined
  #membership: Membership | undefined
  #bounds: Bounds | undefined
  #sending: PromiseWithResolvers<void> | undefined
  #reason: Cancelled | undefined
  #timer: NodeJS.Timeout | undefined
  #settled = false
  #outOfTime = false
  #cut = false

  constructor(
    functionId: string,
    args: readonly unknown[] | ValueGraph,
    kind?: CallKind,
    scope?: CancelScope,
    streams?: readonly StreamArgument[],
  ) {
    super()
    this.functionId = functionId
    this.args = args
    this.kind = kind
    this.streams = streams
    this.#scope = scope
    this.outcome = this.#settle.promise
  }

  /** When it was made; missing for what is no call. */
  get began(): Moment | undefined {
    return this.#began
  }

  get settled(): boolean {
    return this.#settled
  }

  /** When the nearest of its deadlines is, on the clock of this process, or `Infinity`. */
  get deadline(): number {
    const above = this.#scope === undefined ? Number.POSITIVE_INFINITY : this.#scope.deadline
    return this.#bounds === undefined ? above : Math.min(above, this.#bounds.deadline)
  }

  /** What it does, in words. */
  get doing(): string {
    return `calling ${this.functionId}${this.#carrier === undefined ? '' : ` in ${this.#carrier.peer.name}`}`
  }

  /** Ends it with a signal or after a time as well. */
  bound(limits: CallLimits): void {
    this.#bounds = new Bounds(limits)
    this.#bounds.arm(this, limits)
  }

  /** Ends it with a group as well, which waits for it. */
  join(group: CallGroup): void {
    this.#group = group
    group.enter()
    group.link((this.#membership = new Membership(this)))
  }

  /** It is being made, and waits to be carried. */
  waitFor(carrier: CallCarrier): void {
    this.#carrier = carrier
    if (this.#began !== undefined) return
    this.#began = carrier.stats.now()
    carrier.stats.made.begin()
  }

  /** It has left with a batch of its lane. */
  sent(carrier: CallCarrier, id: number, batch: number): void {
    this.#carrier = carrier
    this.id = id
    this.batch = batch
    this.args = NO_ARGUMENTS
    this.#sending?.resolve()
  }

  /** Resolves when it is sent. @throws Error what kept it from that */
  async untilSent(): Promise<void> {
    if (this.id > 0) return
    if (this.#settled) await this.outcome
    this.#sending ??= Promise.withResolvers<void>()
    await this.#sending.promise
  }

  /**
   * Asks the remote task to stop; the outcome follows from there, within `ackMs` in any case: by default the bound of
   * its scope, else {@link CANCEL_ACK_MS}.
   *
   * @param cut the call's own stream broke: should the peer have died, that is the outcome
   */
  cancel(reason: Cancelled, cut = false, ackMs = this.#scope?.ackMs ?? CANCEL_ACK_MS): void {
    if (this.#reason !== undefined || this.#settled) return
    this.#reason = reason
    this.#cut = cut
    if (this.id === 0) {
      this.#carrier?.withdraw(this)
      this.#fail(reason)
    } else if (this.#outOfTime) this.#fail(reason)
    else {
      this.#timer = setTimeout(() => this.#fail(reason), ackMs)
      this.#carrier?.sendCancel(this, reason)
    }
  }

  resolve(value: unknown): void {
    if (this.#settled) return
    this.#end('succeeded')
    this.told('succeeded')
    this.#settle.resolve(value)
  }

  /** The echo of our own cancel becomes the reason it was made with; every other failure stays what it is. */
  reject(error: unknown): void {
    if (this.#settled) return
    if (this.#reason === undefined && isDeadline(error)) {
      // The callee's clock was first: our own deadline is due, and its cancel says which scope it belongs to.
      this.#outOfTime = true
      this.#timer = setTimeout(() => this.#fail(error), DEADLINE_SKEW_MS)
      return
    }
    const echo =
      this.#reason !== undefined &&
      ((error instanceof ActorDied && !this.#cut) || (error instanceof RemoteActorError && isCancel(error.cause)))
    this.#fail(echo ? this.#reason : error)
  }

  /** What its request says of the trace that it belongs to: nothing but in a program that is traced. */
  get trace(): string | undefined {
    return undefined
  }

  /** Its caller is told the outcome. */
  protected told(_outcome: CallOutcome, _error?: unknown): void {}

  protected override onCancelled(reason: Cancelled): void {
    this.cancel(reason)
  }

  #fail(error: unknown): void {
    if (this.#settled) return
    const outcome = this.#reason !== undefined && isEcho(error, this.#reason) ? 'cancelled' : 'failed'
    this.#end(outcome)
    if (this.kind === 'value' && this.#carrier !== undefined) noteInterrupted(error, this.doing)
    this.#sending?.reject(error)
    const explained = this.#bounds === undefined ? error : this.#bounds.explain(error)
    this.told(outcome, explained)
    if (isOfOneCall(explained)) this.#settle.resolve(raiseAtCallSite(explained))
    else this.#settle.reject(explained)
  }

  #end(outcome: CallOutcome): void {
    this.#settled = true
    if (this.#began !== undefined) this.#carrier?.stats.madeEnded(this.#began, outcome)
    this.unlink()
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    if (this.#bounds !== undefined) this.#bounds.lift()
    if (this.#group !== undefined) {
      this.#membership?.unlink()
      this.#group.leave()
    }
  }
}

/** Passes a group's end on to a call of it. */
class Membership extends CancelListener {
  readonly #call: PendingCall

  constructor(call: PendingCall) {
    super()
    this.#call = call
  }

  protected override onCancelled(reason: Cancelled): void {
    this.#call.cancel(reason)
  }
}

/** A signal and a time limit of one call; whichever ended it speaks for itself in place of the cancel it caused. */
class Bounds {
  readonly deadline: number
  readonly #signal: AbortSignal | undefined
  #call: PendingCall | undefined
  #timer: NodeJS.Timeout | ClockTimer | undefined
  #reason: Cancelled | undefined
  #error: unknown

  constructor({ signal, timeout }: CallLimits) {
    this.#signal = signal
    this.deadline = timeout === undefined ? Number.POSITIVE_INFINITY : now() + timeout
  }

  arm(call: PendingCall, { signal, timeout }: CallLimits): void {
    this.#call = call
    if (signal?.aborted === true) return this.#onAbort()
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (timeout === undefined) return
    this.#timer = startTimer(timeout, () =>
      this.#cancel(`its ${timeout} ms were over`, new DeadlineExceeded(timeout, call.doing)),
    )
  }

  lift(): void {
    stopTimer(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  explain(error: unknown): unknown {
    return isEcho(error, this.#reason) ? this.#error : error
  }

  readonly #onAbort = (): void => this.#cancel('its signal was aborted', this.#signal?.reason)

  #cancel(why: string, error: unknown): void {
    this.#reason = new Cancelled('the caller', why)
    this.#error = error
    this.#call?.cancel(this.#reason)
  }
}

/**
 * Rejects from within a function that the call's outcome follows: from there V8 finds the functions that wait for it.
 * The outcome follows it after one turn of the microtasks, so that it takes two.
 */
async function raiseAtCallSite(error: Error): Promise<never> {
  await Promise.resolve()
  await Promise.resolve()
  throw atCallSite(error)
}

/** A `FAILURE` that says nothing but "cancelled". */
export function isCancel(error: unknown): error is Cancelled {
  return error instanceof Cancelled
}

function isDeadline(error: unknown): boolean {
  return error instanceof RemoteActorError && isCancel(error.cause) && error.cause.cause instanceof DeadlineExceeded
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
