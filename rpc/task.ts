import { type CallRef, CancelScope } from '../node/cancel-scope.ts'
import { type ClockTimer, now, startTimer, stopTimer } from '../node/clock.ts'
import { type ActorRef, Cancelled, DeadlineExceeded } from '../node/errors.ts'
import type { TraceSpan } from '../node/tracing.ts'
import type { CallCounter, Moment } from './stats.ts'

/** One call that runs here: the scope that it runs in, and what its reply needs. */
export class Task extends CancelScope {
  readonly id: number
  readonly functionId: string
  /** Of the caller. */
  readonly #peer: string
  /** Where it is counted, and since when. */
  counter: CallCounter | undefined
  began: Moment | undefined
  #timer: NodeJS.Timeout | ClockTimer | undefined

  constructor(parent: CancelScope, id: number, functionId: string, peer: string) {
    super(parent)
    this.id = id
    this.functionId = functionId
    this.#peer = peer
  }

  override get call(): CallRef {
    return { id: `${this.#peer.slice(-8)}-${this.id}`, functionId: this.functionId }
  }

  /** What it is in a trace: nothing but in a program that is traced. */
  get span(): TraceSpan | undefined {
    return undefined
  }

  /** Cancels it when its caller's deadline is due. */
  arm(timeoutMs: number, self: ActorRef): void {
    const ms = Math.min(timeoutMs, 2 ** 31 - 1)
    this.deadline = now() + ms
    const why = `the caller's deadline of ${ms} ms is over`
    const late = (): void => this.cancel(new Cancelled(self.name, why, { cause: new DeadlineExceeded(ms) }))
    this.#timer = startTimer(ms, late)
  }

  override close(): void {
    if (this.#timer !== undefined) stopTimer(this.#timer)
    super.close()
  }
}

/** The same in a program that is traced. */
export class TracedTask extends Task {
  readonly #span: TraceSpan

  constructor(parent: CancelScope, id: number, functionId: string, peer: string, span: TraceSpan) {
    super(parent, id, functionId, peer)
    this.#span = span
  }

  override get span(): TraceSpan {
    return this.#span
  }
}
