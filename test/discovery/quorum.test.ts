import { describe, expect, test } from 'vitest'
import { arbiterOf, isArbiter } from '../../discovery/core/election.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import { declareQuorum } from '../../discovery/core/quorum.ts'
import type { KeptVotes } from '../../discovery/core/quorum.ts'
import { profiles } from '../../discovery/profile.ts'
import { CoreHarness, events, record, sent } from './support/core-harness.ts'

const { lease, beat, rankDelay } = profiles.loopback
const quorum = declareQuorum(['a', 'b', 'c'])
const electorate = quorum.name
const roll = ['a', 'b', 'c']

/** Elector `a` with peer id `A`, that knows electors `b` (`B`) and `c` (`C`) and an observer `D`. */
function elector(votes?: KeptVotes, declared = quorum): CoreHarness {
  const core = new CoreHarness(record('A', { name: 'a', inc: 10 }), {}, declared)
  core.start(false, votes)
  for (const [peerId, inc] of [
    ['B', 11],
    ['C', 12],
    ['D', 1],
  ] as const) {
    core.meet(peerId, { name: peerId.toLowerCase(), inc })
  }
  return core
}

const kept = (fields: Partial<KeptVotes> = {}): KeptVotes => ({
  roll,
  settled: true,
  term: 5,
  candidate: null,
  ...fields,
})

/** An elector that has its memory, and may vote. */
function settled(fields: Partial<KeptVotes> = {}): CoreHarness {
  const core = elector(kept(fields))
  core.now += lease
  return core
}

function persists(effects: readonly Effect[]): { id: number; votes: KeptVotes }[] {
  return effects.flatMap((effect) => (effect.type === 'persist' ? [effect] : []))
}

/** Lets what was asked for be on disk. */
function persist(core: CoreHarness, effects: readonly Effect[]): Effect[] {
  return persists(effects).flatMap(({ id }) => core.give({ type: 'persisted', id }))
}

function tells(core: CoreHarness, from: string, term: number, names: readonly string[] | null = roll): Effect[] {
  return core.hear(from, { type: 'roll', inc: 10, roll: names, settled: true, term, electorate })
}

const askVote = (core: CoreHarness, from: string, term: number, inc: number, of = electorate): Effect[] =>
  core.hear(from, { type: 'vote', term, inc, electorate: of, claim: null })

const votesIn = (effects: readonly Effect[]): boolean[] => sent(effects, 'voted').map(({ message }) => message.granted)

const problems = (effects: readonly Effect[]): unknown[] =>
  events(effects).flatMap((event) => (event.type === 'electorate' ? [[event.problem, ...event.names]] : []))

describe('a vote', () => {
  test('is given once it is kept, not before', () => {
    const core = settled()
    const asked = askVote(core, 'B', 6, 11)
    expect(votesIn(asked)).toEqual([])
    expect(persists(asked)).toMatchObject([{ votes: { term: 6, candidate: { peerId: 'B', inc: 11 } } }])
    expect(votesIn(persist(core, asked))).toEqual([true])
  })

  test('that cannot be kept is not given', () => {
    const core = settled()
    const [write] = persists(askVote(core, 'B', 6, 11))
    expect(votesIn(core.give({ type: 'persistFailed', id: write?.id ?? 0 }))).toEqual([false])
    // nor is it taken for one that is kept, when it is asked for again
    const again = askVote(core, 'B', 6, 11)
    expect(votesIn(again)).toEqual([])
    expect(votesIn(persist(core, again))).toEqual([true])
    expect(votesIn(askVote(core, 'B', 6, 11))).toEqual([true])
  })

  test('of a candidate for itself is kept before it asks others', () => {
    const core = settled()
    const asking = core.pass(rankDelay)
    const answers = sent(asking, 'prevote').flatMap(({ to, message: { term } }) =>
      core.hear(to, { type: 'prevoted', term, granted: true, seen: 5, electorate, claim: null }),
    )
    expect(persists(answers)).toMatchObject([{ votes: { term: 6, candidate: { peerId: 'A' } } }])
    expect(sent(answers, 'vote')).toEqual([])
    expect(sent(persist(core, answers), 'vote').map(({ to }) => to)).toEqual(['B', 'C'])
  })

  test('is not asked for by a candidate that acknowledged a beat while its own was on its way to the disk', () => {
    const core = settled()
    const asking = core.pass(rankDelay)
    const standing = sent(asking, 'prevote').flatMap(({ to, message: { term } }) =>
      core.hear(to, { type: 'prevoted', term, granted: true, seen: 5, electorate, claim: null }),
    )
    const token = { term: 5, inc: 11, peerId: 'B' }
    expect(sent(core.hear('B', { type: 'beat', token, beat: 3, electorate }), 'beaten')).toHaveLength(1)
    expect(sent(persist(core, standing), 'vote')).toEqual([])
  })

  test('is refused while another one is on its way to the disk', () => {
    const core = settled()
    const first = askVote(core, 'B', 6, 11)
    expect(votesIn(askVote(core, 'C', 7, 12))).toEqual([false])
    expect(votesIn(persist(core, first))).toEqual([true])
  })

  test('that an earlier process of the elector gave binds this one', () => {
    const core = settled({ term: 6, candidate: { peerId: 'C', inc: 12 } })
    expect(votesIn(askVote(core, 'B', 6, 11))).toEqual([false])
    expect(votesIn(askVote(core, 'C', 6, 12))).toEqual([true])
  })

  test('is not given within a lease of the start: what was promised before is not known', () => {
    const core = elector(kept())
    core.now = lease - 1
    expect(votesIn(askVote(core, 'B', 6, 11))).toEqual([false])
    core.now = lease
    expect(votesIn(persist(core, askVote(core, 'B', 6, 11)))).toEqual([true])
  })

  test('is for electors alone, and counted only from them', () => {
    const core = settled()
    expect(votesIn(askVote(core, 'D', 6, 1))).toEqual([false])
    const asking = core.pass(rankDelay)
    const [{ message: { term } } = { message: { term: 0 } }] = sent(asking, 'prevote')
    core.hear('D', { type: 'prevoted', term, granted: true, seen: 5, electorate, claim: null })
    expect(core.state.election.candidacy?.granted).toEqual(new Set(['a']))
    expect(core.state.counters.foreignVotes).toBe(2)
  })

  test('for another electorate is refused, counted, and told of once', () => {
    const core = settled()
    const other = declareQuorum(['a', 'b']).name
    const asked = askVote(core, 'B', 6, 11, other)
    expect(votesIn(asked)).toEqual([false])
    expect(problems(asked)).toEqual([['differs', 'b']])
    expect(problems(askVote(core, 'B', 7, 11, other))).toEqual([])
    expect(core.state.counters.foreignVotes).toBe(2)
  })
})

describe('an elector without its votes', () => {
  test('neither votes nor stands until every other one has told it a term, and votes above it alone', () => {
    const core = elector()
    expect(votesIn(askVote(core, 'B', 9, 11))).toEqual([false])
    expect(sent(core.pass(beat), 'rollcall').map(({ to }) => to)).toEqual(['B', 'C'])
    expect(persists(tells(core, 'B', 9))).toEqual([])
    expect(persists(core.pass(10 * lease))).toEqual([])
    expect(core.state.election.candidacy).toBeUndefined()
    const settling = tells(core, 'C', 12)
    expect(persists(settling)).toMatchObject([{ votes: { settled: true, term: 12, candidate: null } }])
    persist(core, settling)
    expect(votesIn(askVote(core, 'B', 12, 11))).toEqual([false])
    expect(votesIn(persist(core, askVote(core, 'B', 13, 11)))).toEqual([true])
  })

  test('believes no answer to an earlier life, of a stranger, or of one that counts others', () => {
    const core = elector()
    core.hear('B', { type: 'roll', inc: 9, roll, settled: true, term: 9, electorate })
    core.hear('D', { type: 'roll', inc: 10, roll, settled: true, term: 9, electorate })
    const differs = core.hear('B', { type: 'roll', inc: 10, roll, settled: true, term: 9, electorate: 'names:other' })
    expect(problems(differs)).toEqual([['differs', 'b']])
    expect(persists(tells(core, 'C', 9))).toEqual([])
  })

  test('is not bound by promises in an electorate that never had an arbiter', () => {
    const core = elector()
    const settling = [...tells(core, 'B', 0), ...tells(core, 'C', 0)]
    persist(core, settling)
    expect(core.now).toBeLessThan(lease)
    expect(votesIn(persist(core, askVote(core, 'B', 1, 11)))).toEqual([true])
  })

  test('says whom it waits for, once, when it has waited a while', () => {
    const core = elector()
    tells(core, 'B', 0)
    expect(problems(core.pass(60_000))).toEqual([['incomplete', 'c']])
  })
})

describe('a declared electorate', () => {
  test('follows no arbiter that is none of its electors, and none of another electorate', () => {
    const core = settled()
    const claim = (peerId: string, inc: number, of?: string) => ({
      token: { term: 9, inc, peerId },
      held: true,
      ...(of === undefined ? {} : { electorate: of }),
    })
    for (const wrong of [claim('D', 1, electorate), claim('B', 11), claim('B', 11, 'size:3')]) {
      core.hear('B', { type: 'facts', facts: [], claim: wrong })
      expect(arbiterOf(core.state)).toBeNull()
      expect(core.state.election.term).toBe(5)
    }
    core.hear('B', { type: 'facts', facts: [], claim: claim('B', 11, electorate) })
    expect(arbiterOf(core.state)?.peerId).toBe('B')
  })

  test('waits for the lease of an arbiter that is called dead, and not for one that has left', () => {
    const core = settled()
    const token = { term: 6, inc: 11, peerId: 'B' }
    core.hear('B', { type: 'beat', token, beat: 1, electorate })
    core.give({ type: 'disconnected', peerId: 'B' })
    core.learn([{ kind: 'end', end: { peerId: 'B', inc: 11, rev: 0, state: 'dead', by: 'C', age: 0 } }])
    expect(votesIn(askVote(core, 'C', 7, 12))).toEqual([false])
    core.learn([{ kind: 'end', end: { peerId: 'B', inc: 11, rev: 0, state: 'left', by: 'B', age: 0 } }])
    expect(votesIn(persist(core, askVote(core, 'C', 7, 12)))).toEqual([true])
  })

  test('counts an elector once, whatever its peer id: the youngest one of that name', () => {
    const core = settled()
    core.meet('B2', { name: 'b', inc: 99 })
    const asking = core.pass(rankDelay)
    expect(sent(asking, 'prevote').map(({ to }) => to)).toEqual(['B2', 'C'])
    expect(votesIn(askVote(core, 'B', 9, 11))).toEqual([false])
  })

  test('has no seat for one whose name a younger root has taken, which it says', () => {
    const core = settled()
    expect(problems(core.meet('A2', { name: 'a', inc: 99 }))).toEqual([['doubled', 'a']])
    expect(sent(core.pass(10 * lease), 'prevote')).toEqual([])
  })

  test.each([[['a']], [1]])('of one, declared as %s, elects itself, and keeps that first', (declared) => {
    const core = new CoreHarness(record('A', { name: 'a' }), {}, declareQuorum(declared))
    let effects = core.start()
    for (let round = 0; round < 20; round++) effects = [...persist(core, effects), ...core.pass(rankDelay)]
    expect(isArbiter(core.state, core.now)).toBe(true)
    expect(core.state.elector?.kept?.candidate?.peerId).toBe('A')
  })
})

describe('an electorate that is declared by its size', () => {
  const bySize = declareQuorum(3)
  const fresh = (core: CoreHarness, from: string, names: readonly string[] | null, settledThere = false): Effect[] =>
    core.hear(from, { type: 'roll', inc: 10, roll: names, settled: settledThere, term: 0, electorate: 'size:3' })

  test('is agreed on, on disk, when as many as were declared are there, and counts when all have agreed', () => {
    const core = elector(undefined, bySize)
    fresh(core, 'B', null)
    core.pass(2 * beat)
    fresh(core, 'C', null)
    const agreeing = core.pass(beat)
    expect(persists(agreeing)).toMatchObject([{ votes: { roll, settled: false } }])
    persist(core, agreeing)
    expect(persists(fresh(core, 'B', roll))).toEqual([])
    expect(persists(fresh(core, 'C', roll))).toMatchObject([{ votes: { roll, settled: true } }])
  })

  test('is not agreed on while more want to be electors, which is told', () => {
    const core = elector(undefined, bySize)
    for (const peerId of ['B', 'C', 'D']) fresh(core, peerId, null)
    const told = core.pass(10 * lease)
    expect(persists(told)).toEqual([])
    expect(problems(told)).toContainEqual(['crowded', 'a', 'b', 'c', 'd'])
    core.learn([{ kind: 'end', end: { peerId: 'D', inc: 1, rev: 0, state: 'left', by: 'D', age: 0 } }])
    expect(persists(core.pass(beat))).toMatchObject([{ votes: { roll } }])
  })

  test('takes no further root, which follows the arbiter of the others', () => {
    const core = elector(undefined, bySize)
    fresh(core, 'B', ['b', 'c', 'd'], true)
    core.pass(10 * lease)
    expect(core.state.elector).toMatchObject({ roll: ['b', 'c', 'd'], settled: false })
    const token = { term: 4, inc: 11, peerId: 'B' }
    core.hear('B', { type: 'facts', facts: [], claim: { token, held: true, electorate: 'size:3' } })
    expect(arbiterOf(core.state)).toEqual(token)
  })

  test('lets a list go that one on it will never agree to', () => {
    const core = elector(kept({ roll, settled: false, term: 0 }), bySize)
    fresh(core, 'B', ['b', 'c', 'd'], true)
    expect(core.state.elector?.roll).toEqual(['b', 'c', 'd'])
  })

  test('does not choose between two lists that are at odds: it says so', () => {
    const core = elector(kept({ roll, settled: false, term: 0 }), bySize)
    expect(problems(fresh(core, 'B', ['b', 'c', 'd']))).toEqual([['crowded', 'a', 'b', 'c', 'd']])
    expect(core.state.elector?.roll).toEqual(roll)
  })
})
