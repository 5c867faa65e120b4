import type { Buckets, Slot } from './buckets.ts'
import { placeOf } from './digest.ts'
import type { End } from './fact.ts'
import { Rounds } from './rounds.ts'

/** The memory of an ended life. */
export interface Tombstone extends Slot {
  readonly peerId: string
  readonly inc: number
  readonly rev: number
  readonly state: 'dead' | 'left'
  readonly by: string
  /** When the end became known, on this machine's clock; may be negative. */
  readonly at: number
}

/**
 * Ends that are remembered for a time, in the order of burial. When there are too many, those whose record was never
 * here go first: whoever makes up ends of actors that never were displaces nothing else.
 */
export class Tombstones {
  readonly #all = new Map<string, Tombstone>()
  readonly #hearsay = new Set<string>()
  readonly #rounds = new Rounds(this.#all)
  readonly #ttl: number
  readonly #most: number
  readonly #buckets: Buckets

  constructor(ttl: number, most: number, buckets: Buckets) {
    this.#ttl = ttl
    this.#most = most
    this.#buckets = buckets
  }

  get size(): number {
    return this.#all.size
  }

  get(peerId: string): Tombstone | undefined {
    return this.#all.get(peerId)
  }

  values(): Iterable<Tombstone> {
    return this.#all.values()
  }

  /** Whether an end is so long ago that nobody needs to hear of it. */
  isOver(age: number): boolean {
    return age >= this.#ttl
  }

  /** `witnessed`: the record of that actor was here. */
  bury({ peerId, inc, rev, state, by, age }: End, now: number, witnessed: boolean): void {
    const known = witnessed || (this.#all.has(peerId) && !this.#hearsay.has(peerId))
    // set anew, so that the order of the map is the order of burial and the first one is the oldest
    this.delete(peerId)
    const tombstone: Tombstone = {
      place: placeOf(peerId),
      shown: false,
      first: 0,
      second: 0,
      next: undefined,
      peerId,
      inc,
      rev,
      state,
      by,
      at: now - age,
    }
    this.#all.set(peerId, tombstone)
    this.#buckets.put(tombstone)
    if (!known) this.#hearsay.add(peerId)
    if (this.#all.size <= this.#most) return
    const [oldest] = this.#hearsay.size > 0 ? this.#hearsay : this.#all.keys()
    if (oldest !== undefined) this.delete(oldest)
  }

  delete(peerId: string): void {
    const tombstone = this.#all.get(peerId)
    if (tombstone === undefined) return
    this.#all.delete(peerId)
    this.#hearsay.delete(peerId)
    this.#buckets.take(tombstone)
  }

  /** Forgets some of what is past its time; all of it within a bounded number of calls. */
  sweep(now: number): void {
    for (const [peerId, { at }] of this.#rounds.next()) if (this.isOver(now - at)) this.delete(peerId)
  }
}

/** A tombstone as the fact that it was made of, aged. */
export function endOf({ peerId, inc, rev, state, by, at }: Tombstone, now: number): End {
  return { peerId, inc, rev, state, by, age: Math.max(0, now - at) }
}
