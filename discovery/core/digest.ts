import type { Digest } from './fact.ts'

/** The two hashes that one actor's version adds to a digest. */
export type VersionHash = readonly [number, number]

/** Hashes a version; two independent sums of 32 bits keep chance collisions out of any real mesh. */
export function hashVersion(actor: { peerId: string; inc: number; rev: number; seq: number }): VersionHash {
  const text = `${actor.peerId}|${actor.inc}|${actor.rev}|${actor.seq}`
  let first = 0x811c9dc5
  let second = 0x9e3779b9
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    first = Math.imul(first ^ code, 0x01000193)
    second = Math.imul(second ^ code, 0x85ebca6b)
  }
  return [spread(first), spread(second)]
}

/** A digest that is kept up to date by adding and taking away; the order of additions does not matter. */
export class DigestSum {
  #count = 0
  #first = 0
  #second = 0

  add([first, second]: VersionHash): void {
    this.#count++
    this.#first = (this.#first + first) >>> 0
    this.#second = (this.#second + second) >>> 0
  }

  remove([first, second]: VersionHash): void {
    this.#count--
    this.#first = (this.#first - first) >>> 0
    this.#second = (this.#second - second) >>> 0
  }

  get value(): Digest {
    return { count: this.#count, sums: [this.#first, this.#second] }
  }
}

// The finaliser of MurmurHash3 (Austin Appleby, public domain): FNV alone leaves the last characters badly mixed.
function spread(hash: number): number {
  let mixed = hash
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
