interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Time that passes only when there is nothing left to do: a queue of events, equal times in the order of asking. */
export class VirtualClock {
  #now = 0
  #order = 0
  readonly #heap: Entry[] = []

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** Runs something `delay` milliseconds from now. */
  after(delay: number, run: () => void): void {
    this.at(this.#now + delay, run)
  }

  /** Runs something at a time; at once when that has passed. */
  at(at: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ at: Math.max(at, this.#now), order: this.#order++, run })
    let index = heap.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#before(index, parent)) break
      this.#swap(index, parent)
      index = parent
    }
  }

  /** Lets time pass up to `end`. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop()
      this.#now = next.at
      next.run()
    }
    this.#now = end
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      let least = index
      if (left < heap.length && this.#before(left, least)) least = left
      if (right < heap.length && this.#before(right, least)) least = right
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a], this.#heap[b]]
    if (first === undefined || second === undefined) return false
    return first.at < second.at || (first.at === second.at && first.order < second.order)
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a], this.#heap[b]]
    if (first === undefined || second === undefined) return
    this.#heap[a] = second
    this.#heap[b] = first
  }
}
