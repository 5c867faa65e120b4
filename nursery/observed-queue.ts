import { currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { type Observed, sizeOf } from './observed.ts'

/** What waits for one observer, or for a parent: items, and characters of their texts; the oldest are lost then. */
export const MAX_OBSERVED_ITEMS = 2_000
export const MAX_OBSERVED_CHARACTERS = 512 * 1024
/** Items that travel together. */
export const OBSERVED_AT_ONCE = 256

/** What waits to be read by one observer. It is never waited for: what is too much is left out, and counted. */
export class ObservedQueue {
  readonly #onClose: () => void
  #items: Observed[] = []
  #first = 0
  #characters = 0
  #missed = 0
  #wake: (() => void) | undefined

  /** @param onClose called when its reader has left */
  constructor(onClose: () => void = () => {}) {
    this.#onClose = onClose
  }

  get isEmpty(): boolean {
    return this.#first === this.#items.length && this.#missed === 0
  }

  push(item: Observed): void {
    if ('missed' in item) this.#missed += item.missed
    else {
      this.#items.push(item)
      this.#characters += sizeOf(item)
      while (this.#items.length - this.#first > MAX_OBSERVED_ITEMS || this.#characters > MAX_OBSERVED_CHARACTERS) {
        this.#shift()
        this.#missed += 1
      }
    }
    this.#wake?.()
  }

  /** What waits, the oldest first, and before it how much was lost. */
  take(): Observed[] {
    const missed = this.#missed
    this.#missed = 0
    const batch: Observed[] = missed > 0 ? [{ missed }] : []
    while (batch.length < OBSERVED_AT_ONCE && this.#first < this.#items.length) batch.push(this.#shift())
    return batch
  }

  /** Everything that waits. */
  takeAll(): Observed[] {
    const all: Observed[] = []
    while (!this.isEmpty) all.push(...this.take())
    return all
  }

  /** Everything that comes, in batches. A cancel point. */
  async *batches(): AsyncGenerator<Observed[], never> {
    for (;;) {
      if (this.isEmpty) {
        const there = Promise.withResolvers<void>()
        this.#wake = there.resolve
        await untilCancelled(currentScope(), there.promise)
      }
      yield this.take()
    }
  }

  /** Its reader has left. */
  close(): void {
    this.#wake = undefined
    this.#onClose()
  }

  #shift(): Observed {
    const item = this.#items[this.#first]!
    this.#first += 1
    this.#characters -= sizeOf(item)
    if (this.#first === this.#items.length) {
      this.#items = []
      this.#first = 0
    } else if (this.#first > MAX_OBSERVED_ITEMS) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}
