import { currentScope } from '../node/cancel-scope.ts'
import { InvalidArgument } from '../node/errors.ts'

/** Sends, or reads, of one stream that may wait at a time. */
export const MAX_WAITERS = 10_000

/** Where sends, or reads, of one stream wait for their turn. */
export class TurnLine {
  readonly #what: string
  readonly #waiting: PromiseWithResolvers<void>[] = []

  /** @param what of which kind they are, in the plural */
  constructor(what: string) {
    this.#what = what
  }

  get length(): number {
    return this.#waiting.length
  }

  /**
   * Waits for one's turn; whoever leaves the line early keeps no place in it.
   *
   * @throws Cancelled when the current scope is cancelled
   * @throws InvalidArgument when {@link MAX_WAITERS} wait already
   */
  async wait(): Promise<void> {
    if (this.#waiting.length >= MAX_WAITERS)
      throw new InvalidArgument(`more than ${MAX_WAITERS} ${this.#what} wait on one stream`)
    const scope = currentScope()
    scope.throwIfCancelled()
    const turn = Promise.withResolvers<void>()
    this.#waiting.push(turn)
    const unlink = scope.onCancel((reason) => {
      const at = this.#waiting.indexOf(turn)
      if (at >= 0) this.#waiting.splice(at, 1)
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
    for (let i = 0; i < count && this.#waiting.length > 0; i++) this.#waiting.shift()?.resolve()
  }

  wakeAll(): void {
    for (const turn of this.#waiting.splice(0)) turn.resolve()
  }
}
