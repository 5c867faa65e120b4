/** Values by key, of which mostly one has a key: that one is kept without a set around it. */
export class Multimap<Value extends object> {
  readonly #values = new Map<string, Value | Set<Value>>()

  add(key: string, value: Value): void {
    const before = this.#values.get(key)
    if (before === undefined) this.#values.set(key, value)
    else if (before instanceof Set) before.add(value)
    else if (before !== value) this.#values.set(key, new Set([before, value]))
  }

  delete(key: string, value: Value): void {
    const before = this.#values.get(key)
    if (before instanceof Set) {
      before.delete(value)
      if (before.size === 0) this.#values.delete(key)
    } else if (before === value) this.#values.delete(key)
  }

  /** The values of a key, in the order in which they came. */
  get(key: string): Iterable<Value> {
    const values = this.#values.get(key)
    return values === undefined ? nothing : values instanceof Set ? values : [values]
  }
}

const nothing: readonly never[] = []
