/** Several values under one key. */
export class Multimap {
  readonly #values = new Map<string, Set<string>>()

  get(key: string): ReadonlySet<string> {
    return this.#values.get(key) ?? nothing
  }

  add(key: string, value: string): void {
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, new Set([value]))
    else values.add(value)
  }

  remove(key: string, value: string): void {
    const values = this.#values.get(key)
    values?.delete(value)
    if (values?.size === 0) this.#values.delete(key)
  }
}

const nothing: ReadonlySet<string> = new Set()
