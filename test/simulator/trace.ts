const bits = new DataView(new ArrayBuffer(8))

/** What happened, folded into one number: two runs that did the same have the same hash. */
export class Trace {
  #hash = 0x811c9dc5
  #length = 0
  readonly #kept: string[] = []
  readonly #keep: number
  readonly #codes = new Map<string, number>()

  /** `keep`: how many of the last lines to keep for people; none costs least. */
  constructor(keep = 0) {
    this.#keep = keep
  }

  /** Folds in a line of one event: when, who, what; `describe` is called only when lines are kept. */
  add(at: number, texts: readonly string[], describe: () => string): void {
    this.#length++
    bits.setFloat64(0, at)
    this.#mix(bits.getUint32(0))
    this.#mix(bits.getUint32(4))
    for (const text of texts) this.#mix(this.#code(text))
    if (this.#keep === 0) return
    this.#kept.push(`${at.toFixed(3)} ${describe()}`)
    if (this.#kept.length > 2 * this.#keep) this.#kept.splice(0, this.#kept.length - this.#keep)
  }

  get hash(): string {
    return `${(this.#hash >>> 0).toString(16)}-${this.#length}`
  }

  get lines(): readonly string[] {
    return this.#keep === 0 ? [] : this.#kept.slice(-this.#keep)
  }

  #mix(value: number): void {
    this.#hash = Math.imul(Math.imul(this.#hash ^ value, 0x01000193) ^ (value >>> 16), 0x85ebca6b)
  }

  /** A text's own hash, worked out once. */
  #code(text: string): number {
    let code = this.#codes.get(text)
    if (code === undefined) {
      code = hashText(text)
      this.#codes.set(text, code)
    }
    return code
  }
}

/** FNV-1a (Fowler, Noll, Vo; public domain) over code units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
