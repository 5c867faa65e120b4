import { type CancelScope, currentScope } from '../node/cancel-scope.ts'
import { InvalidArgument } from '../node/errors.ts'
import { WaitingLine } from './waiting-line.ts'

/** Sends, or reads, of one stream that may wait at a time. */
export const MAX_WAITERS = 10_000

/** Where several wait for their turn, up to a bound; whoever is cancelled leaves at once and keeps no place in it. */
export class TurnLine {
  readonly #maxWaiting: number
  readonly #refusal: () => Error
  readonly #waiting = new WaitingLine<PromiseWithResolvers<void>>()

  /** @param refusal the error for one that comes when `maxWaiting` wait already */
  constructor(maxWaiting: number, refusal: () => Error) {
    this.#maxWaiting = maxWaiting
    this.#refusal = refusal
  }

  get length(): number {
    return this.#waiting.size
  }

  /**
   * Waits for one's turn.
   *
   * @throws Cancelled when the scope is cancelled
   * @throws Error the refusal
   */
  async wait(scope: CancelScope = currentScope()): Promise<void> {
    if (this.#waiting.size >= this.#maxWaiting) throw this.#refusal()
    scope.throwIfCancelled()
    const turn = Promise.withResolvers<void>()
    this.#waiting.push(turn)
    const unlink = scope.onCancel((reason) => {
      this.#waiting.leave(turn)
      turn.reject(reason)
    })
    try {
      await turn.promise
    } finally {
      unlink()
    }
  }

  /** Gives the turn to those who wait longest. */
  wake(count = 1): void {
    for (let i = 0; i < count; i++) this.#waiting.shift()?.resolve()
  }

  wakeAll(): void {
    for (const turn of this.#waiting.clear()) turn.resolve()
  }
}

/** A line for the sends, or reads, of one stream. @param what of which kind they are, and where, in words */
export function streamTurns(what: string): TurnLine {
  return new TurnLine(MAX_WAITERS, () => new InvalidArgument(`more than ${MAX_WAITERS} ${what}`))
}
