import type { CancelScope } from '../node/cancel-scope.ts'
import { TurnLine } from './turn-line.ts'

/** A bounded number of places; whoever finds none waits in line. */
export class Places {
  readonly #line: TurnLine
  #free: number

  /** @param refusal the error for one that comes when `maxWaiting` wait already */
  constructor(free: number, maxWaiting: number, refusal: () => Error) {
    this.#free = free
    this.#line = new TurnLine(maxWaiting, refusal)
  }

  /** Takes a place; gives a promise only when one has to wait for it. A cancel point then. @throws Error the refusal */
  take(scope: CancelScope): Promise<void> | undefined {
    if (this.#free === 0) return this.#line.wait(scope)
    this.#free -= 1
    return undefined
  }

  /** A place that becomes free goes to whoever waits longest, so that nobody overtakes. */
  give(): void {
    if (this.#line.length === 0) this.#free += 1
    else this.#line.wake()
  }

  /** Lets in everybody who waits now: what they wanted the place for is gone, and they are to find out. */
  admitAll(): void {
    this.#line.wakeAll()
  }
}
