import { LossyQueue } from './lossy-queue.ts'
import { type Observed, sizeOf } from './observed.ts'

/** Items that travel together. */
export const OBSERVED_AT_ONCE = 256

/** What waits to be passed on, to an observer or to a parent. */
export class ObservedQueue {
  readonly #queue = new LossyQueue<Observed>(sizeOf)
  readonly #onClose: () => void

  /** @param onClose called when its reader has left */
  constructor(onClose: () => void = () => {}) {
    this.#onClose = onClose
  }

  get isEmpty(): boolean {
    return this.#queue.isEmpty
  }

  push(item: Observed): void {
    if ('missed' in item) this.#queue.lose(item.missed)
    else this.#queue.push(item)
  }

  /** What waits, the oldest first, and before it how much was lost. */
  take(): Observed[] {
    const { missed, items } = this.#queue.take(OBSERVED_AT_ONCE)
    return missed > 0 ? [{ missed }, ...items] : items
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
      await this.#queue.untilSomething()
      yield this.take()
    }
  }

  /** Its reader has left. */
  close(): void {
    this.#onClose()
  }
}
