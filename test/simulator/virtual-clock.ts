interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Events within ten microseconds: more of them are a loop. */
const mostAtOnce = 200_000

/**
 * Time that passes only when there is nothing left to do: a binary heap of events, equal times in the order of asking.
 */
export class VirtualClock {
  #now = 0
  #order = 0
  readonly #heap: Entry[] = []

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** How many events wait. */
  get waiting(): number {
    return this.#heap.length
  }

  /** How many events were asked for so far. */
  get events(): number {
    return this.#order
  }

  /** Runs something `delay` milliseconds from now. */
  after(delay: number, run: () => void): void {
    this.at(this.#now + delay, run)
  }

  /** Runs something at a time; at once when that has passed. */
  at(at: number, run: () => void): void {
    const heap = this.#heap
    const entry = { at: Math.max(at, this.#now), order: this.#order++, run }
    // the hole moves up instead of two entries changing places: half of the writes
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as Entry
      if (isBefore(above, entry)) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
  }

  /** Lets time pass up to `end`. */
  runUntil(end: number): void {
    let still = 0
    let since = this.#now
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop()
      // what asks for a moment that has passed again and again would never end
      if (next.at > since + 1e-2) {
        since = next.at
        still = 0
      } else still++
      if (still > mostAtOnce) throw new Error(`${mostAtOnce} events at ${next.at.toFixed(3)} ms, and no end of them`)
      this.#now = next.at
      next.run()
    }
    this.#now = end
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    const { length } = heap
    let index = 0
    for (let child = 1; child < length; child = 2 * index + 1) {
      let least = heap[child] as Entry
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, least)) {
        least = right
        child++
      }
      if (isBefore(last, least)) break
      heap[index] = least
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
