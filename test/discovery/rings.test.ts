import { describe, expect, test } from 'vitest'
import { RINGS, Rings } from '../../discovery/core/rings.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import { pick, seeded, shuffled } from '../simulator/rng.ts'
import { record } from './support/core-harness.ts'

/** One root's rings, and those that it knows to be alive. */
class View {
  readonly rings = new Rings()
  readonly alive = new Map<string, ActorRecord>()
  /** How often all roots were looked through. */
  scans = 0
  readonly #self: string

  constructor(self: string) {
    this.#self = self
    this.alive.set(self, record(self))
  }

  add(peerId: string): void {
    this.alive.set(peerId, record(peerId))
    this.rings.add(peerId, this.#self)
  }

  remove(peerId: string): void {
    this.alive.delete(peerId)
    this.rings.remove(peerId, this.#self)
  }

  readonly #all = (): Iterable<ActorRecord> => {
    this.scans++
    return this.alive.values()
  }

  get successors(): string[] {
    return [...this.rings.successors(this.#all)]
  }

  get neighbours(): string[] {
    return [...this.rings.neighbours(this.#all)].sort()
  }
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `peer${index}`)

/** What one sees when all come in some order. */
function viewOf(self: string, all: readonly string[]): View {
  const view = new View(self)
  for (const peerId of all) if (peerId !== self) view.add(peerId)
  return view
}

describe('roots on rings', () => {
  test(`up to ${RINGS + 1}, all watch all`, () => {
    const all = names(RINGS + 1)
    for (const self of all) {
      const others = all.filter((peerId) => peerId !== self)
      expect(viewOf(self, all).successors.sort()).toEqual(others)
      expect(viewOf(self, all).neighbours).toEqual(others)
    }
  })

  test('in a larger mesh each watches few and is watched by few', () => {
    const watchers = new Map<string, number>()
    for (const self of names(200)) {
      const { successors, neighbours } = viewOf(self, names(200))
      expect(successors.length).toBeLessThanOrEqual(RINGS)
      expect(neighbours.length).toBeLessThanOrEqual(2 * RINGS)
      for (const peerId of successors) watchers.set(peerId, (watchers.get(peerId) ?? 0) + 1)
    }
    expect(Math.min(...names(200).map((peerId) => watchers.get(peerId) ?? 0))).toBeGreaterThanOrEqual(RINGS - 2)
  })

  test('whoever is a neighbour has this root as a neighbour, so that both want the link', () => {
    const all = names(60)
    const views = new Map(all.map((self) => [self, viewOf(self, all).neighbours]))
    for (const [self, neighbours] of views)
      for (const peerId of neighbours) expect(views.get(peerId), `${peerId} of ${self}`).toContain(self)
  })

  test('are the same whatever the order in which others came and went', () => {
    const rng = seeded(5)
    const view = new View('self')
    for (let round = 0; round < 400; round++) {
      const present = [...view.alive.keys()].filter((peerId) => peerId !== 'self')
      const victim = pick(rng, present)
      if (victim !== undefined && rng() < 0.45) view.remove(victim)
      else view.add(`other${round}`)
      if (rng() < 0.5) continue
      const fresh = viewOf('self', shuffled(rng, view.alive.keys()))
      expect(view.successors.sort()).toEqual(fresh.successors.sort())
      expect(view.neighbours).toEqual(fresh.neighbours)
    }
  })

  test('cost a look at all roots only when a neighbour goes', () => {
    const view = viewOf('self', names(500))
    const { neighbours } = view
    const { scans } = view
    for (const peerId of names(500)) {
      if (neighbours.includes(peerId) || view.alive.size < 100) continue
      view.remove(peerId)
      view.add(`${peerId} again`)
      if (view.neighbours.join() !== neighbours.join()) break
    }
    expect(view.scans).toBe(scans)
    view.remove(view.successors[0] ?? '')
    expect(view.neighbours.length).toBeGreaterThan(0)
    expect(view.scans).toBe(scans + 1)
  })

  test('form one whole: whatever single root is taken out, the rest can reach each other over neighbours', () => {
    const all = names(40)
    const views = new Map(all.map((self) => [self, viewOf(self, all).neighbours]))
    for (const gone of all) {
      const seen = new Set([all.find((peerId) => peerId !== gone) ?? ''])
      for (const peerId of seen) for (const next of views.get(peerId) ?? []) if (next !== gone) seen.add(next)
      expect(seen.size).toBe(all.length - 1)
    }
  })
})
