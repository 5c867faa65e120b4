import { currentScope, untilCancelled } from '../node/cancel-scope.ts'

/** What waits for one observer, or for a parent: items, and characters of their texts; the oldest are lost then. */
export const MAX_OBSERVED_ITEMS = 2_000
export const MAX_OBSERVED_CHARACTERS = 512 * 1024

/** What waits to be read by one observer. Nobody waits for that: what is too much is lost, and counted. */
export class LossyQueue<T> {
  readonly #sizeOf: (item: T) => number
  #items: T[] = []
  #first = 0
  #characters = 0
  #missed = 0
  #wake: (() => void) | undefined

  constructor(sizeOf: (item: T) => number) {
    this.#sizeOf = sizeOf
  }

  get isEmpty(): boolean {
    return this.#first === this.#items.length && this.#missed === 0
  }

  push(item: T): void {
    this.#items.push(item)
    this.#characters += this.#sizeOf(item)
    while (this.#items.length - this.#first > MAX_OBSERVED_ITEMS || this.#characters > MAX_OBSERVED_CHARACTERS) {
      this.#shift()
      this.#missed += 1
    }
    this.wake()
  }

  /** So many were lost before they came here. */
  lose(count: number): void {
    this.#missed += count
    this.wake()
  }

  /**
   * What waits, the oldest first, and how much before it was lost.
   *
   * @param mostCharacters of all of them together; one alone may have more
   */
  take(most: number, mostCharacters = Infinity): { readonly missed: number; readonly items: T[] } {
    const missed = this.#missed
    this.#missed = 0
    const items: T[] = []
    let characters = 0
    while (items.length < most && this.#first < this.#items.length) {
      characters += this.#sizeOf(this.#items[this.#first]!)
      if (items.length > 0 && characters > mostCharacters) break
      items.push(this.#shift())
    }
    return { missed, items }
  }

  /** Resolves when there is something, or {@link wake} was called. A cancel point. */
  async untilSomething(): Promise<void> {
    if (!this.isEmpty) return
    const there = Promise.withResolvers<void>()
    this.#wake = there.resolve
    await untilCancelled(currentScope(), there.promise)
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #shift(): T {
    const item = this.#items[this.#first]!
    this.#first += 1
    this.#characters -= this.#sizeOf(item)
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
