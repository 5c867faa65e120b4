import { expect, test } from 'vitest'
import { Elders } from '../../discovery/core/elders.ts'
import { Multimap } from '../../discovery/core/multimap.ts'
import { Rounds } from '../../discovery/core/rounds.ts'
import { compareAge } from '../../discovery/core/version.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import { pick, seeded, wholeBetween } from '../simulator/rng.ts'
import { record } from './support/core-harness.ts'

test('the elders are the oldest roots, whoever comes and goes (100 seeds)', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const rng = seeded(seed)
    const elders = new Elders(5)
    const roots = new Set<ActorRecord>()
    for (let count = 0; count < 300; count++) {
      const gone = rng() < 0.45 ? pick(rng, [...roots].sort(compareAge).slice(0, 8)) : undefined
      if (gone === undefined) {
        const root = record(`r${count}`, { inc: wholeBetween(rng, 1, 50) })
        roots.add(root)
        elders.add(root)
      } else {
        roots.delete(gone)
        elders.delete(gone)
      }
      if (rng() < 0.5) continue
      const expected = [...roots].sort(compareAge).slice(0, 5)
      expect(
        elders.first(() => roots),
        `seed ${seed}`,
      ).toEqual(expected)
    }
  }
})

test('a map of many values gives those of a key in the order in which they came', () => {
  const map = new Multimap<{ id: number }>()
  const [a, b, c] = [{ id: 1 }, { id: 2 }, { id: 3 }]
  expect([...map.get('x')]).toEqual([])
  map.add('x', a)
  map.add('x', a)
  expect([...map.get('x')]).toEqual([a])
  map.add('x', b)
  map.add('y', c)
  expect([...map.get('x')]).toEqual([a, b])
  map.delete('x', a)
  map.delete('x', c)
  expect([...map.get('x')]).toEqual([b])
  map.delete('x', b)
  map.delete('y', c)
  expect([[...map.get('x')], [...map.get('y')]]).toEqual([[], []])
})

test('a large map is gone through in stretches, everything in a bounded number of them, also while it shrinks', () => {
  const map = new Map(Array.from({ length: 50_000 }, (_, index) => [index, index]))
  const rounds = new Rounds(map)
  const seen = new Set<number>()
  let goes = 0
  for (; seen.size < 50_000 && goes < 100; goes++) {
    let inOneGo = 0
    for (const [key] of rounds.next()) {
      inOneGo++
      seen.add(key)
      if (key % 2 === 0) map.delete(key)
    }
    expect(inOneGo).toBeLessThan(2_000)
  }
  expect(goes).toBeLessThan(60)
  expect([...rounds.next()].length).toBeGreaterThan(0)
})

test('a small map is gone through at once, each time', () => {
  const map = new Map([
    [1, 1],
    [2, 2],
  ])
  const rounds = new Rounds(map)
  for (let go = 0; go < 3; go++) expect(new Map(rounds.next())).toEqual(map)
  map.clear()
  expect([...rounds.next()]).toEqual([])
})
