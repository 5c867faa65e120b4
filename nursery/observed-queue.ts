import { sleep } from '../node/scopes.ts'
import { LossyQueue } from './lossy-queue.ts'
import { type Observed, sizeOf } from './observed.ts'

/** Items that travel together, and characters of their texts. */
export const OBSERVED_AT_ONCE = 256
export const MAX_BATCH_CHARACTERS = 64 * 1024
/** Milliseconds from one batch for an observer to the next, at least: what observing costs a second is bounded. */
export const BATCH_PACE_MS = 25

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
    const { missed, items } = this.#queue.take(OBSERVED_AT_ONCE, MAX_BATCH_CHARACTERS)
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
      const until = performance.now() + BATCH_PACE_MS
      yield this.take()
      const rest = until - performance.now()
      if (rest > 0) await sleep(rest)
    }
  }

  /** Its reader has left. */
  close(): void {
    this.#onClose()
  }
}
