import type { CancelScope } from '../node/cancel-scope.ts'

/** A bounded number of places; whoever finds none waits in line. */
export class Places {
  readonly #waiting: (() => void)[] = []
  readonly #maxWaiting: number
  readonly #refusal: () => Error
  #free: number

  /** @param refusal the error for one that comes when `maxWaiting` wait already */
  constructor(free: number, maxWaiting: number, refusal: () => Error) {
    this.#free = free
    this.#maxWaiting = maxWaiting
    this.#refusal = refusal
  }

  /** Takes a place; gives a promise only when one has to wait for it. A cancel point then. @throws Error the refusal */
  take(scope: CancelScope): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1
      return undefined
    }
    return this.#wait(scope)
  }

  /** A place that becomes free goes to whoever waits longest, so that nobody overtakes. */
  give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }

  /** Lets in everybody who waits now: what they wanted the place for is gone, and they are to find out. */
  admitAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #wait(scope: CancelScope): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) throw this.#refusal()
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
}
