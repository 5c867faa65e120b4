import type { ActorRecord } from '../record.ts'

/** Rings on which the roots of a mesh watch each other; with no more other roots than this, all watch all. */
export const RINGS = 6

interface Place {
  readonly peerId: string
  /** How far it is from here on a ring, in the direction of the successors. */
  readonly distance: number
}

/**
 * Who watches whom among the roots: each watches its successor on every ring, and a ring sorts all roots by a hash of
 * its number and their peer ids. So everybody has about {@link RINGS} watchers that depend on nobody else, however
 * large the mesh is (the expander of Rapid, Suresh et al., USENIX ATC 2018).
 *
 * Only the two neighbours on each ring are kept: a root that comes is compared with them, and only when one of them goes
 * are all roots looked through. That happens to `2 * RINGS` of n deaths, so that a change costs the same whatever n.
 */
export class Rings {
  #self = ''
  #own: readonly number[] = []
  #others = 0
  #stale = true
  #changes = 0
  #after: Place[] = []
  #before: Place[] = []
  #successors: readonly string[] = []
  #neighbours: ReadonlySet<string> = new Set()

  /** Other roots that are alive. */
  get others(): number {
    return this.#others
  }

  /** Counts up whenever somebody becomes or ceases to be a neighbour. */
  get changes(): number {
    return this.#changes
  }

  /** Takes in a root that has come. */
  add(peerId: string, self: string): void {
    if (peerId === self) return
    this.#setSelf(self)
    this.#others++
    if (this.#stale || this.#others <= RINGS + 1) this.#spoil()
    else if (this.#place(peerId)) this.#collect()
  }

  /** Takes out a root that is gone. */
  remove(peerId: string, self: string): void {
    if (peerId === self) return
    this.#others--
    if (this.#neighbours.has(peerId) || this.#others <= RINGS) this.#spoil()
  }

  /** The roots that this one watches; `roots` are all that are alive, looked through only when it has to be. */
  successors(roots: () => Iterable<ActorRecord>): readonly string[] {
    this.#refresh(roots)
    return this.#successors
  }

  /** The roots that this one watches, and those that watch it. */
  neighbours(roots: () => Iterable<ActorRecord>): ReadonlySet<string> {
    this.#refresh(roots)
    return this.#neighbours
  }

  #setSelf(self: string): void {
    if (this.#self === self) return
    this.#self = self
    this.#own = placesOf(self)
  }

  #spoil(): void {
    this.#stale = true
    this.#changes++
  }

  #refresh(roots: () => Iterable<ActorRecord>): void {
    if (!this.#stale) return
    this.#stale = false
    this.#after = []
    this.#before = []
    if (this.#others > RINGS) {
      for (const { peerId } of roots()) if (peerId !== this.#self) this.#place(peerId)
      this.#collect()
      return
    }
    const all: string[] = []
    for (const { peerId } of roots()) if (peerId !== this.#self) all.push(peerId)
    this.#successors = all
    this.#neighbours = new Set(all)
  }

  /** Compares a root with the neighbours on each ring; whether it has become one. */
  #place(peerId: string): boolean {
    const seed = hashText(peerId)
    let closer = false
    for (let ring = 0; ring < RINGS; ring++) {
      const away = (placeOn(ring, seed) - (this.#own[ring] ?? 0)) >>> 0
      const place: Place = { peerId, distance: away === 0 && peerId < this.#self ? 2 ** 32 : away }
      const after = this.#after[ring]
      const before = this.#before[ring]
      if (after === undefined || isNearer(place, after)) {
        this.#after[ring] = place
        closer = true
      }
      if (before === undefined || isNearer(before, place)) {
        this.#before[ring] = place
        closer = true
      }
    }
    return closer
  }

  #collect(): void {
    this.#successors = [...new Set(this.#after.map(({ peerId }) => peerId))]
    this.#neighbours = new Set([...this.#successors, ...this.#before.map(({ peerId }) => peerId)])
    this.#changes++
  }
}

function isNearer(a: Place, b: Place): boolean {
  return a.distance < b.distance || (a.distance === b.distance && a.peerId < b.peerId)
}

function placesOf(peerId: string): number[] {
  const seed = hashText(peerId)
  return Array.from({ length: RINGS }, (_, ring) => placeOn(ring, seed))
}

// The finaliser of MurmurHash3 (Austin Appleby, public domain) over FNV-1a: close seeds have to end far apart.
function placeOn(ring: number, seed: number): number {
  let mixed = Math.imul(seed ^ Math.imul(ring + 1, 0x9e3779b1), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
