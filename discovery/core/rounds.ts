/** Entries looked at in one go, at least; a large map is gone through in this many goes. */
const least = 1_024
const goes = 32

/** Goes round and round through a map that changes, a stretch at a time, so that no go is long. */
export class Rounds<Key, Value> {
  readonly #map: ReadonlyMap<Key, Value>
  #at: Iterator<[Key, Value]> | undefined

  constructor(map: ReadonlyMap<Key, Value>) {
    this.#map = map
  }

  /** The next stretch: everything when there is little. */
  *next(): Generator<[Key, Value]> {
    const most = Math.max(least, Math.ceil(this.#map.size / goes))
    let restarted = false
    for (let count = Math.min(most, this.#map.size); count > 0; count--) {
      this.#at ??= this.#map.entries()
      let entry = this.#at.next()
      if (entry.done === true) {
        if (restarted) return
        restarted = true
        this.#at = this.#map.entries()
        entry = this.#at.next()
        if (entry.done === true) return
      }
      yield entry.value
    }
  }
}
