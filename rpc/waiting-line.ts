/** First come, first served; whoever gives up leaves its place in the line at once, wherever it stands. */
export class WaitingLine<T extends object> {
  readonly #members = new Set<T>()
  /** Kept, because one that begins anew would pass over everybody who has left since. */
  #next: Iterator<T> | undefined

  get size(): number {
    return this.#members.size
  }

  push(member: T): void {
    this.#members.add(member)
  }

  leave(member: T): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.#next = undefined
  }

  /** Those that wait, first come first. */
  members(): Iterable<T> {
    return this.#members
  }

  /** Takes the first one out. */
  shift(): T | undefined {
    if (this.#members.size === 0) return undefined
    this.#next ??= this.#members.values()
    const { value, done } = this.#next.next()
    if (done) return undefined
    this.leave(value)
    return value
  }

  /** Takes everybody out. */
  clear(): T[] {
    const all = [...this.#members]
    this.#members.clear()
    this.#next = undefined
    return all
  }
}
