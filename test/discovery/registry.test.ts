import { describe, expect, test } from 'vitest'
import { sameDigest } from '../../discovery/core/fact.ts'
import type { Fact } from '../../discovery/core/fact.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import { Registry } from '../../discovery/core/registry.ts'
import type { Change } from '../../discovery/core/change.ts'
import { pick, seeded, shuffled, wholeBetween } from '../simulator/rng.ts'
import { end, endFact, known, recordFact } from './support/core-harness.ts'

const times = { tombstoneTtl: 10_000, hiddenTtl: 1_000 }

function merge(registry: Registry, fact: Fact, now = 0): readonly Change[] {
  if (fact.kind === 'suspect') throw new TypeError('a registry keeps no suspicions')
  return fact.kind === 'record'
    ? registry.mergeRecord(fact.known, now).changes
    : registry.mergeEnd(fact.end, now).changes
}

function filled(facts: readonly Fact[]): Registry {
  const registry = new Registry(times)
  for (const fact of facts) merge(registry, fact)
  return registry
}

/** Everything that a registry holds, in one order. */
function contents(registry: Registry, peerIds: readonly string[]): unknown {
  return peerIds.map((peerId) => {
    const kept = registry.kept(peerId)?.record
    const tombstone = registry.tombstone(peerId)
    return {
      peerId,
      visible: registry.get(peerId) !== undefined,
      kept: kept && [kept.inc, kept.rev, kept.seq, kept.name],
      ended: tombstone && [tombstone.inc, tombstone.rev, tombstone.state],
    }
  })
}

const ids = ['r1', 'r2', 'r1.a', 'r1.b', 'r1.a.x', 'r2.c']

function randomFacts(seed: number): Fact[] {
  const rng = seeded(seed)
  return Array.from({ length: wholeBetween(rng, 1, 30) }, () => {
    const peerId = pick(rng, ids) ?? 'r1'
    const above = peerId.split('.').slice(0, -1).join('.')
    const parent = above === '' ? {} : { parent: above, root: peerId.slice(0, 2) }
    const version = { inc: wholeBetween(rng, 1, 3), rev: wholeBetween(rng, 0, 2) }
    const kind = rng()
    if (kind < 0.3) return endFact(peerId, { ...version, state: kind < 0.2 ? 'dead' : 'left' })
    // two names for one version: an owner that contradicts itself
    const name = rng() < 0.1 ? 'contradiction' : `name of ${peerId}`
    const status = rng() < 0.1 ? 'left' : 'up'
    return recordFact(peerId, { ...parent, ...version, seq: wholeBetween(rng, 0, 2), name, status })
  })
}

describe('merging', () => {
  test('gives the same whatever the order and the repetitions (500 seeds)', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const rng = seeded(seed)
      const facts = randomFacts(seed)
      const once = filled(facts)
      const again = filled([...shuffled(rng, facts), ...shuffled(rng, facts)])
      expect(contents(again, ids), `seed ${seed}`).toEqual(contents(once, ids))
      expect(sameDigest(again.digest, once.digest), `seed ${seed}`).toBe(true)
    }
  })

  test('a fact that is known already changes nothing (500 seeds)', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const facts = randomFacts(seed)
      const registry = filled(facts)
      for (const fact of facts) expect(merge(registry, fact), `seed ${seed}`).toEqual([])
    }
  })

  test('what one registry tells makes another show the same (500 seeds)', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const one = filled(randomFacts(seed))
      const other = filled([...one.facts(0)])
      expect(sameDigest(other.digest, one.digest), `seed ${seed}`).toBe(true)
      expect([...other.actors()].map(({ peerId }) => peerId).sort()).toEqual(
        [...one.actors()].map(({ peerId }) => peerId).sort(),
      )
    }
  })

  test('the events add up to what the registry shows (500 seeds)', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const shown = new Set<string>()
      const registry = new Registry(times)
      for (const fact of randomFacts(seed)) {
        for (const { type, record } of merge(registry, fact)) {
          expect(shown.has(record.peerId), `seed ${seed}: ${type} ${record.peerId}`).toBe(type !== 'up')
          if (type === 'up') shown.add(record.peerId)
          if (type === 'down') shown.delete(record.peerId)
        }
      }
      expect([...shown].sort(), `seed ${seed}`).toEqual([...registry.actors()].map(({ peerId }) => peerId).sort())
      expect(registry.digest.count).toBe(shown.size)
    }
  })
})

describe('one life', () => {
  test.each([
    ['dead', 'left', 'left'],
    ['left', 'dead', 'left'],
    ['dead', 'dead', 'dead'],
  ] as const)('%s and then %s is %s', (first, second, result) => {
    const registry = filled([recordFact('r'), endFact('r', { state: first }), endFact('r', { state: second })])
    expect(registry.tombstone('r')?.state).toBe(result)
  })

  test('an ended life never comes back, whatever its content', () => {
    const registry = filled([endFact('r')])
    expect(registry.mergeRecord(known('r', { seq: 99 }), 0).outcome).toBe('accused')
    expect(registry.get('r')).toBeUndefined()
  })

  test('a higher rev of the owner refutes the accusation', () => {
    const registry = filled([recordFact('r'), endFact('r')])
    expect(registry.mergeRecord(known('r', { rev: 1 }), 0).changes).toMatchObject([{ type: 'up' }])
    expect(registry.tombstone('r')).toBeUndefined()
    expect(registry.mergeEnd(end('r'), 0).outcome).toBe('older')
  })

  test("the owner's own last record ends it as left", () => {
    const registry = filled([recordFact('r')])
    const { changes } = registry.mergeRecord(known('r', { seq: 1, status: 'left' }), 0)
    expect(changes).toMatchObject([{ type: 'down', why: 'left' }])
    expect(registry.tombstone('r')?.state).toBe('left')
  })

  test('a new life of the same peer id retires the old one', () => {
    const registry = filled([recordFact('r'), recordFact('r.a', { parent: 'r', inc: 5 })])
    const { changes } = registry.mergeRecord(known('r', { inc: 9 }), 0)
    expect(changes).toMatchObject([
      { type: 'down', why: 'restarted', record: { inc: 1 } },
      { type: 'up', record: { inc: 9 } },
      { type: 'down', why: 'subtree', record: { peerId: 'r.a' } },
    ])
  })
})

describe('subtrees', () => {
  const tree = [
    recordFact('r'),
    recordFact('a', { parent: 'r', root: 'r' }),
    recordFact('b', { parent: 'a', root: 'r' }),
    recordFact('other'),
  ]

  test('a dead root takes everything below it out', () => {
    const registry = filled(tree)
    expect(merge(registry, endFact('r'))).toMatchObject([
      { record: { peerId: 'r' }, why: 'dead' },
      { record: { peerId: 'a' }, why: 'subtree' },
      { record: { peerId: 'b' }, why: 'subtree' },
    ])
    expect([...registry.actors()].map(({ peerId }) => peerId)).toEqual(['other'])
  })

  test("the root's one refutation brings its subtree back", () => {
    const registry = filled([...tree, endFact('r')])
    const back = merge(registry, recordFact('r', { rev: 1 })).map(({ record }) => record.peerId)
    expect(back).toEqual(['r', 'a', 'b'])
  })

  test('a child is not shown before its parents are known, in whatever order they come', () => {
    const registry = new Registry(times)
    for (const fact of tree.toReversed()) merge(registry, fact)
    expect(registry.digest.count).toBe(4)
    expect(filled(tree.slice(1, 3)).digest.count).toBe(0)
  })

  test('a child that is older than its parent belongs to an earlier life of it', () => {
    const registry = filled([recordFact('r', { inc: 9 }), recordFact('a', { parent: 'r', inc: 8 })])
    expect(registry.get('a')).toBeUndefined()
  })

  test('actors that are each other’s parents are never shown', () => {
    const registry = filled([
      recordFact('r'),
      recordFact('x', { parent: 'y', root: 'r' }),
      recordFact('y', { parent: 'x', root: 'r' }),
    ])
    expect(registry.digest.count).toBe(1)
  })

  test('a child under a parent of another root is not shown', () => {
    expect(filled([...tree, recordFact('z', { parent: 'a', root: 'other' })]).get('z')).toBeUndefined()
  })

  test(`trees deeper than ${coreLimits.depth} levels are cut`, () => {
    const chain = Array.from({ length: 100 }, (_, level) =>
      level === 0 ? recordFact('n0') : recordFact(`n${level}`, { parent: `n${level - 1}`, root: 'n0' }),
    )
    expect(filled(chain).digest.count).toBe(coreLimits.depth + 1)
  })
})

describe('looking up', () => {
  test('actors of one name come oldest first', () => {
    const registry = filled([
      recordFact('c', { name: 'n', inc: 2 }),
      recordFact('b', { name: 'n', inc: 1 }),
      recordFact('a', { name: 'n', inc: 2 }),
      recordFact('d', { name: 'other', inc: 0 }),
    ])
    expect(registry.find('n').map(({ peerId }) => peerId)).toEqual(['b', 'a', 'c'])
  })

  test('whoever is leaving or gone is not found', () => {
    const registry = filled([recordFact('a', { status: 'leaving' }), recordFact('b'), endFact('b')])
    expect(registry.find('name of a')).toEqual([])
    expect(registry.find('name of b')).toEqual([])
  })

  test('an actor that changes its name is found by the new one only', () => {
    const registry = filled([recordFact('a', { name: 'old' }), recordFact('a', { name: 'new', seq: 1 })])
    expect(registry.find('old')).toEqual([])
    expect(registry.find('new')).toHaveLength(1)
  })

  test('the committee is the five oldest roots that are up', () => {
    const roots = Array.from({ length: 8 }, (_, index) => recordFact(`r${index}`, { inc: 100 - index }))
    const registry = filled([
      ...roots,
      recordFact('c', { parent: 'r7' }),
      recordFact('r7', { inc: 93, status: 'leaving', seq: 1 }),
    ])
    expect(registry.elders().map(({ peerId }) => peerId)).toEqual(['r6', 'r5', 'r4', 'r3', 'r2'])
    merge(registry, endFact('r6', { inc: 94 }))
    expect(registry.elders().map(({ peerId }) => peerId)).toEqual(['r5', 'r4', 'r3', 'r2', 'r1'])
  })
})

describe('bounds', () => {
  test('an end is forgotten after its time, however it came by its age', () => {
    const registry = filled([endFact('old', { age: times.tombstoneTtl - 1 }), endFact('new')])
    registry.sweep(1)
    expect(registry.tombstone('old')).toBeUndefined()
    expect(registry.tombstone('new')).toBeDefined()
    expect(filled([endFact('expired', { age: times.tombstoneTtl })]).ended).toBe(0)
  })

  test('ages travel: a registry tells how old an end is now', () => {
    const registry = filled([endFact('r', { age: 100 })])
    expect([...registry.facts(50)]).toMatchObject([{ end: { age: 150 } }])
  })

  test('records that stay hidden are forgotten, also when they are told again and again', () => {
    const registry = new Registry(times)
    registry.mergeRecord(known('a', { parent: 'r' }), 0)
    registry.mergeRecord(known('a', { parent: 'r', seq: 1 }), times.hiddenTtl - 1)
    registry.sweep(times.hiddenTtl)
    expect(registry.size).toBe(0)
  })

  test('a full registry refuses new actors, takes news of the known, and gives hidden ones up first', () => {
    const registry = new Registry(times, { ...coreLimits, members: 2 })
    merge(registry, recordFact('hidden', { parent: 'r' }))
    merge(registry, recordFact('a'))
    merge(registry, recordFact('b'))
    expect(registry.kept('hidden')).toBeUndefined()
    expect(registry.mergeRecord(known('c'), 0).outcome).toBe('full')
    expect(registry.mergeRecord(known('a', { seq: 1 }), 0).outcome).toBe('new')
  })

  test('the oldest end makes room for a new one', () => {
    const registry = new Registry(times, { ...coreLimits, tombstones: 2 })
    for (const peerId of ['a', 'b', 'c']) merge(registry, endFact(peerId))
    expect(registry.ended).toBe(2)
    expect(registry.tombstone('a')).toBeUndefined()
  })
})
