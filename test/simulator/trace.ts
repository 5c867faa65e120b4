/** What happened, folded into one number: two runs that did the same have the same hash. */
export class Trace {
  #hash = 0x811c9dc5
  #length = 0
  readonly #kept: string[] = []
  readonly #keep: number

  /** `keep`: how many of the last lines to keep for people. */
  constructor(keep = 0) {
    this.#keep = keep
  }

  add(line: string): void {
    this.#length++
    for (let index = 0; index < line.length; index++) {
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(index), 0x01000193)
    }
    if (this.#keep === 0) return
    this.#kept.push(line)
    if (this.#kept.length > 2 * this.#keep) this.#kept.splice(0, this.#kept.length - this.#keep)
  }

  get hash(): string {
    return `${(this.#hash >>> 0).toString(16)}-${this.#length}`
  }

  get lines(): readonly string[] {
    return this.#kept.slice(-this.#keep)
  }
}
