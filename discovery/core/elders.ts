import type { ActorRecord } from '../record.ts'
import { compareAge } from './version.ts'

/** The oldest of many roots, kept in order while roots come and go, without looking at all of them each time. */
export class Elders {
  readonly #size: number
  /** More than are asked for, so that the end of some needs no search. */
  readonly #most: number
  #oldest: ActorRecord[] = []
  /** Whether there are roots that are not among the oldest. */
  #more = false
  #first: readonly ActorRecord[] | undefined

  constructor(size: number) {
    this.#size = size
    this.#most = 4 * size
  }

  add(root: ActorRecord): void {
    const oldest = this.#oldest
    const youngest = oldest.at(-1)
    if (this.#more && (youngest === undefined || compareAge(root, youngest) > 0)) return
    let index = oldest.length
    for (let above = oldest[index - 1]; above !== undefined && compareAge(root, above) < 0; above = oldest[index - 1]) {
      index--
    }
    oldest.splice(index, 0, root)
    if (oldest.length > this.#most) {
      oldest.pop()
      this.#more = true
    }
    if (index < this.#size) this.#first = undefined
  }

  delete(root: ActorRecord): void {
    const index = this.#oldest.indexOf(root)
    if (index < 0) return
    this.#oldest.splice(index, 1)
    if (index < this.#size) this.#first = undefined
  }

  /** The oldest, oldest first; `all` gives every root, for when too many of the oldest are gone. */
  first(all: () => Iterable<ActorRecord>): readonly ActorRecord[] {
    if (this.#oldest.length < this.#size && this.#more) {
      this.#oldest = []
      this.#more = false
      for (const root of all()) this.add(root)
    }
    this.#first ??= this.#oldest.slice(0, this.#size)
    return this.#first
  }
}
