import { describe, expect, test } from 'vitest'
import { Buckets, differenceOf, LEVELS, levelFor, type Slot, SPAN } from '../../discovery/core/buckets.ts'
import { placeOf } from '../../discovery/core/digest.ts'
import { pick, seeded, shuffled, wholeBetween } from '../simulator/rng.ts'

function slot(place: number): Slot {
  return { place, shown: false, first: 0, second: 0, next: undefined }
}

function random32(rng: () => number): number {
  return Math.floor(rng() * 2 ** 32) | 0
}

describe('a table of buckets', () => {
  test('has the same sums whatever the order, and whatever came and went (200 seeds)', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const rng = seeded(seed)
      const table = new Buckets()
      const left = new Map<Slot, readonly [number, number]>()
      for (let count = wholeBetween(rng, 1, 600); count > 0; count--) {
        const one = slot(random32(rng))
        const hash = [random32(rng), random32(rng)] as const
        table.put(one)
        if (rng() < 0.8) {
          table.show(one, hash)
          left.set(one, hash)
        }
        const gone = rng() < 0.3 ? pick(rng, [...left.keys()]) : undefined
        if (gone === undefined) continue
        left.delete(gone)
        if (rng() < 0.5) table.hide(gone)
        else table.take(gone)
      }
      const again = new Buckets()
      for (const [{ place }, hash] of shuffled(rng, left)) {
        const copy = slot(place)
        again.put(copy)
        again.show(copy, hash)
      }
      const position = wholeBetween(rng, 0, SPAN - 1)
      for (let level = LEVELS.least; level <= LEVELS.most; level++) {
        expect(again.sums(level, position), `seed ${seed}`).toEqual(table.sums(level, position))
      }
      expect(again.digest).toEqual(table.digest)
      expect(table.digest.count).toBe(left.size)
    }
  })

  test('differs from another exactly where one of them has what the other has not (300 seeds)', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const rng = seeded(seed)
      const [one, other] = [new Buckets(), new Buckets()]
      const missing: number[] = []
      for (let count = wholeBetween(rng, 0, 500); count > 0; count--) {
        const place = random32(rng)
        const hash = [random32(rng), random32(rng)] as const
        const both = rng() < 0.99
        if (!both) missing.push(place >>> 16)
        for (const table of both ? [one, other] : [one]) {
          const copy = slot(place)
          table.put(copy)
          table.show(copy, hash)
        }
      }
      const level = wholeBetween(rng, LEVELS.least, LEVELS.most)
      const from = rng() < 0.5 ? 0 : wholeBetween(rng, 0, SPAN - 1)
      const parts = new Set(missing.filter((at) => at >= from).map((at) => Math.floor((at * 2 ** level) / SPAN)))
      const difference = differenceOf(one.sums(level, from), other.sums(level, from), level, from)
      const found = Array.from({ length: 2 ** level }, (_, part) => part).filter(
        (part) => ((difference.bits[part >> 3] ?? 0) & (1 << (part & 7))) !== 0,
      )
      expect(found, `seed ${seed}`).toEqual([...parts].sort((a, b) => a - b))
      const told = [...one.stretches(from, SPAN, difference)]
      const places = told.flatMap(({ slots }) => slots.map(({ place }) => place >>> 16))
      for (const at of missing) expect(places.includes(at), `seed ${seed}`).toBe(at >= from)
      for (const at of places) expect(parts.has(Math.floor((at * 2 ** level) / SPAN))).toBe(true)
      expect(told.map(({ until }) => until)).toEqual(told.map(({ until }) => until).sort((a, b) => a - b))
    }
  })

  test('sums of another length, or none, differ nowhere', () => {
    expect(differenceOf(new Buckets().sums(4, 0), new Uint8Array(8), 4, 0).bits).toEqual(new Uint8Array(2))
  })

  test('spreads peer ids evenly', () => {
    const counts = Array<number>(64).fill(0)
    for (let index = 0; index < 64_000; index++) counts[placeOf(`12D3KooW${index}`) >>> 26]!++
    expect(Math.max(...counts)).toBeLessThan(1_200)
    expect(Math.min(...counts)).toBeGreaterThan(800)
  })

  test.each([
    [0, 4],
    [10, 5],
    [1_000, 8],
    [100_000, 11],
    [10_000_000, 11],
  ])('for %i actors level %i costs least', (actors, level) => {
    expect(levelFor(actors)).toBe(level)
  })
})
