/** Counts items that arrive, for a window that begins with the first one. */
export class Meter {
  readonly #windowMs: number
  readonly #every: number
  #items = 0
  #start = 0
  #ms = 0

  /** @param every how many items pass between two looks at the clock */
  constructor(windowMs: number, every: number) {
    this.#windowMs = windowMs
    this.#every = every
  }

  /** Counts one item; false when the window is over. */
  take(): boolean {
    if (this.#items++ === 0) this.#start = performance.now()
    if (this.#items % this.#every !== 0) return true
    this.#ms = performance.now() - this.#start
    return this.#ms < this.#windowMs
  }

  /** Items that arrived. */
  get items(): number {
    return this.#items
  }

  /** Items a second, without the one that began the window. */
  get rate(): number {
    return ((this.#items - 1) * 1_000) / this.#ms
  }
}
