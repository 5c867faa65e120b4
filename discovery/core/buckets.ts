import type { VersionHash } from './digest.ts'
import type { Digest } from './fact.ts'

/** Places that peer ids are spread over: a position on the wire is one of these. */
export const SPAN = 65_536

/** What stands in a bucket: by the hash of a peer id, so that its place is the same in every registry. */
export interface Slot {
  /** 32 bits, the upper 16 of which are its position. */
  readonly place: number
  shown: boolean
  /** What it adds to the sums of its bucket; 0 while it is not shown. */
  first: number
  second: number
  next: Slot | undefined
}

/** Buckets that differ between two registries: one bit for each of `2 ** level` equal parts of the span. */
export interface Difference {
  readonly level: number
  readonly bits: Uint8Array
}

/** What stands in some part of the span, up to the position at which it ends. */
export interface Stretch {
  readonly until: number
  readonly slots: readonly Slot[]
}

/** Bits of the smallest and of the largest number of buckets that two registries compare. */
export const LEVELS = { least: 4, most: 11 } as const

const smallest = 4
const largest = 12
/** Slots in a bucket on average before the table doubles. */
const load = 8
/** Bytes of one bucket's two sums. */
const sumBytes = 8

/**
 * Everything that a registry knows, in buckets by the hash of the peer id, each with sums over the versions that show.
 *
 * Two registries compare sums of equal parts of the span and exchange only what stands in those that differ. Parts of
 * any size are compared, whatever either table's own number of buckets: sums do not care for order and can be added.
 */
export class Buckets {
  #bits = smallest
  #size = 0
  #shown = 0
  #first = 0
  #second = 0
  #heads: (Slot | undefined)[] = Array.from({ length: 2 ** smallest })
  #sums = new Int32Array(2 ** (smallest + 1))

  /** Over everything that shows. */
  get digest(): Digest {
    return { count: this.#shown, sums: [this.#first >>> 0, this.#second >>> 0] }
  }

  /** Takes in a slot that does not show yet. */
  put(slot: Slot): void {
    if (this.#size >= load * 2 ** this.#bits && this.#bits < largest) this.#double()
    this.#size++
    this.#insert(slot)
  }

  take(slot: Slot): void {
    this.hide(slot)
    const bucket = this.#bucketOf(slot.place)
    let at = this.#heads[bucket]
    if (at === slot) this.#heads[bucket] = slot.next
    else {
      while (at !== undefined && at.next !== slot) at = at.next
      if (at === undefined) return
      at.next = slot.next
    }
    slot.next = undefined
    this.#size--
  }

  /** From now on the slot counts. */
  show(slot: Slot, [first, second]: VersionHash): void {
    if (slot.shown) return
    slot.shown = true
    slot.first = first
    slot.second = second
    this.#shown++
    this.#count(slot, first, second)
  }

  hide(slot: Slot): void {
    if (!slot.shown) return
    slot.shown = false
    this.#shown--
    this.#count(slot, -slot.first, -slot.second)
    slot.first = 0
    slot.second = 0
  }

  /** The sums of all parts from a position to the end, at a level: those of the first part from the position on. */
  sums(level: number, from: number): Uint8Array {
    const width = SPAN / 2 ** level
    const first = Math.floor(from / width)
    const bytes = new Uint8Array((2 ** level - first) * sumBytes)
    const view = new DataView(bytes.buffer)
    for (let part = first; part < 2 ** level; part++) {
      const [a, b] = this.#sumOf(Math.max(from, part * width), (part + 1) * width)
      view.setInt32((part - first) * sumBytes, a)
      view.setInt32((part - first) * sumBytes + 4, b)
    }
    return bytes
  }

  /**
   * What stands in the parts that differ, by stretches of the span, each of which is to be told as a whole; gives the
   * position at which each ends, so that one can stop there and go on later.
   */
  *stretches(from: number, until: number, difference: Difference): Generator<Stretch> {
    const width = SPAN / 2 ** Math.max(this.#bits, difference.level)
    for (let start = from; start < until;) {
      const end = Math.min(until, (Math.floor(start / width) + 1) * width)
      if (differsAt(difference, start)) {
        const slots = [...this.#between(start, end)]
        if (slots.length > 0) yield { until: end, slots }
      }
      start = end
    }
  }

  *#between(from: number, until: number): Generator<Slot> {
    for (let slot = this.#heads[this.#bucketOf(from << 16)]; slot !== undefined; slot = slot.next) {
      const position = slot.place >>> 16
      if (position >= from && position < until) yield slot
    }
  }

  #sumOf(from: number, until: number): readonly [number, number] {
    const width = SPAN / 2 ** this.#bits
    let first = 0
    let second = 0
    for (let start = from; start < until;) {
      const bucket = Math.floor(start / width)
      const end = Math.min(until, (bucket + 1) * width)
      if (end - start === width) {
        first = (first + (this.#sums[2 * bucket] ?? 0)) | 0
        second = (second + (this.#sums[2 * bucket + 1] ?? 0)) | 0
      } else {
        for (const slot of this.#between(start, end)) {
          first = (first + slot.first) | 0
          second = (second + slot.second) | 0
        }
      }
      start = end
    }
    return [first, second]
  }

  #bucketOf(place: number): number {
    return place >>> (32 - this.#bits)
  }

  #insert(slot: Slot): void {
    const bucket = this.#bucketOf(slot.place)
    slot.next = this.#heads[bucket]
    this.#heads[bucket] = slot
    this.#add(bucket, slot.first, slot.second)
  }

  #count(slot: Slot, first: number, second: number): void {
    this.#first = (this.#first + first) | 0
    this.#second = (this.#second + second) | 0
    this.#add(this.#bucketOf(slot.place), first, second)
  }

  #add(bucket: number, first: number, second: number): void {
    const sums = this.#sums
    sums[2 * bucket] = (sums[2 * bucket] ?? 0) + first
    sums[2 * bucket + 1] = (sums[2 * bucket + 1] ?? 0) + second
  }

  #double(): void {
    const before = this.#heads
    this.#bits++
    this.#heads = Array.from({ length: 2 ** this.#bits })
    this.#sums = new Int32Array(2 ** (this.#bits + 1))
    for (const head of before) {
      for (let slot = head; slot !== undefined;) {
        const { next } = slot
        this.#insert(slot)
        slot = next
      }
    }
  }
}

/** The parts in which two tables' sums from a position on are others; none when they do not fit together. */
export function differenceOf(ours: Uint8Array, theirs: Uint8Array, level: number, from: number): Difference {
  const bits = new Uint8Array(2 ** level / 8)
  const first = Math.floor((from * 2 ** level) / SPAN)
  for (let index = 0; index < ours.length && ours.length === theirs.length; index++) {
    if (ours[index] === theirs[index]) continue
    const part = first + Math.floor(index / sumBytes)
    bits[part >> 3] = (bits[part >> 3] ?? 0) | (1 << (part & 7))
  }
  return { level, bits }
}

/** The level at which comparing and telling a difference cost least: 8 bytes a sum, some 400 bytes an actor. */
export function levelFor(actors: number): number {
  return Math.min(LEVELS.most, Math.max(LEVELS.least, Math.round(Math.log2(50 * (actors + 1)) / 2)))
}

/** Whether the part that a position is in differs. */
function differsAt({ level, bits }: Difference, position: number): boolean {
  const part = Math.floor((position * 2 ** level) / SPAN)
  return ((bits[part >> 3] ?? 0) & (1 << (part & 7))) !== 0
}
