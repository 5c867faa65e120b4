import { describe, expect, test } from 'vitest'
import { Laws, type Observed } from './support/laws.ts'
import type { ReignSpan, Sight } from './support/sight.ts'

const bounds = { dead: 100, frozen: 500, deadArbiter: 300 }

type Root = { -readonly [Key in keyof Observed]: Observed[Key] }

function root(name: string, reigns: readonly ReignSpan[] = []): Root {
  return {
    name,
    id: name,
    actors: [`${name}.a`],
    endedAt: undefined,
    frozenAt: undefined,
    awakeSince: 0,
    awake: true,
    reigns,
  }
}

function sight(at: number, ids: readonly string[], arbiter: string | null = null): Sight {
  return {
    at,
    actors: ids.map((id) => ({ id, name: id })),
    arbiter: arbiter === null ? null : { id: arbiter, term: 1 },
    digest: '',
    neighbours: 0,
    reigns: [],
    talk: { messages: 0, bytes: 0 },
  }
}

function lawsFor(...roots: readonly Root[]): Laws {
  const laws = new Laws(bounds)
  for (const one of roots) laws.add(one)
  return laws
}

describe('the laws of a storm', () => {
  test('are broken by who still shows an actor of a dead root after the bound, and not before', () => {
    const [a, b] = [root('a'), root('b')]
    const laws = lawsFor(a, b)
    b.endedAt = 1_000
    laws.checkSight(a, sight(1_100, ['a', 'b', 'b.a']))
    expect(laws.broken).toEqual([])
    laws.checkSight(a, sight(1_101, ['a', 'b.a']))
    expect(laws.broken.join()).toMatch(/^a sees b\.a .* 101 ms after it was dead, bound 100$/)
  })

  test('give a root that was frozen itself the same time from its waking on', () => {
    const [a, b] = [root('a'), root('b')]
    const laws = lawsFor(a, b)
    b.endedAt = 1_000
    a.awakeSince = 5_000
    laws.checkSight(a, sight(5_090, ['b']))
    expect(laws.broken).toEqual([])
    laws.checkSight(a, sight(5_101, ['b']))
    expect(laws.broken).toHaveLength(1)
  })

  test('are broken by who finds the dead, shows a frozen root or keeps a dead arbiter', () => {
    const [a, b] = [root('a'), root('b')]
    const laws = lawsFor(a, b)
    b.frozenAt = 1_000
    laws.checkSight(a, sight(1_500, ['b'], 'b'))
    expect(laws.broken).toEqual([])
    laws.checkSight(a, sight(1_501, ['b']))
    expect(laws.broken).toHaveLength(1)
    b.endedAt = 2_000
    laws.checkFound(a, 2_101, 'b.a', { id: 'b.a', answer: undefined })
    laws.checkSight(a, sight(2_300, [], 'b'))
    expect(laws.broken).toHaveLength(2)
    laws.checkSight(a, sight(2_301, [], 'b'))
    expect(laws.broken).toHaveLength(3)
  })

  test('are broken by two leases of two roots at one moment, and by no lease of the dead', () => {
    const first = root('a', [{ term: 1, from: 0, until: 1_000 }])
    const second = root('b', [{ term: 2, from: 900, until: 2_000 }])
    const laws = lawsFor(first, second)
    laws.checkReigns()
    expect(laws.broken).toEqual(['a in term 1 and b in term 2 held valid leases for 100.0 ms together'])
    first.endedAt = 900
    const later = lawsFor(first, second)
    later.checkReigns()
    expect(later.broken).toEqual([])
  })

  test('count how often a healthy root is missed', () => {
    const [a, b] = [root('a'), root('b')]
    const laws = lawsFor(a, b)
    laws.checkSight(a, sight(1_000, ['a', 'b']))
    laws.checkSight(a, sight(1_000, ['a']))
    expect([laws.looked, laws.missed, laws.broken.length]).toEqual([2, 1, 0])
  })
})
