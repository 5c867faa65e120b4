import { describe, expect, test } from 'vitest'
import { arbiterOf } from '../../discovery/core/adopt.ts'
import { isArbiter } from '../../discovery/core/election.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import { CLOCK_MARGIN } from '../../discovery/core/reign.ts'
import { profiles } from '../../discovery/profile.ts'
import { CoreHarness, endFact, events, page, published, record, recordFact, sent } from './support/core-harness.ts'

const { lease, beat, rankDelay } = profiles.loopback
/** How long an arbiter itself counts a lease: clocks may differ by the rest. */
const reign = lease * (1 - CLOCK_MARGIN)

/** A root of inc 10 among older and younger ones, joined, that has not elected yet. */
function rootAmong(others: Record<string, number>, inc = 10): CoreHarness {
  const core = new CoreHarness(record('me', { inc }))
  core.start(true)
  for (const [peerId, othersInc] of Object.entries(others)) core.meet(peerId, { inc: othersInc })
  const [first] = Object.keys(others)
  if (first !== undefined) syncWith(core, first)
  return core
}

function syncWith(core: CoreHarness, peerId: string): Effect[] {
  const { digest } = core.state.registry
  return core.hear(peerId, page([], digest))
}

/** Grants whatever the core asks for; what it does then. */
function grant(core: CoreHarness, effects: readonly Effect[], voters: readonly string[]): Effect[] {
  const asked = [...sent(effects, 'prevote'), ...sent(effects, 'vote')].filter(({ to }) => voters.includes(to))
  return asked.flatMap(({ to, message }) => {
    const type = message.type === 'vote' ? 'voted' : 'prevoted'
    return core.hear(to, { type, term: message.term, granted: true, seen: 0, claim: null })
  })
}

/** Lets the core win with the votes of these. */
function elect(core: CoreHarness, voters: readonly string[]): Effect[] {
  const standing = grant(core, core.pass(5 * rankDelay), voters)
  return grant(core, standing, voters)
}

function arbiterEvents(effects: readonly Effect[]): unknown[] {
  return events(effects).flatMap((event) => (event.type === 'arbiter' ? [event.token && event.token.peerId] : []))
}

describe('a mesh of one', () => {
  test('elects itself at once', () => {
    const core = new CoreHarness(record('me'))
    const effects = core.start()
    expect(arbiterEvents(effects)).toEqual(['me'])
    expect(isArbiter(core.state, 0)).toBe(true)
  })

  test('rules on without anybody to ask', () => {
    const core = new CoreHarness(record('me'))
    core.start()
    expect(arbiterEvents(core.pass(100 * lease))).toEqual([])
    expect(core.state.counters.elections).toBe(1)
  })

  test('steps down when it wakes up after more than a lease, and is elected at a higher term', () => {
    const core = new CoreHarness(record('me'))
    core.start()
    const before = core.state.election.claim?.token.term ?? 0
    core.now += lease + 1
    core.give({ type: 'timer', name: 'sync' })
    expect(core.state.election.claim?.token.term).toBe(before + 1)
  })
})

describe('a root whose peer id an earlier process may have had', () => {
  const token = { term: 3, inc: 9, peerId: 'b' }
  function resumed(): CoreHarness {
    const core = new CoreHarness(record('me', { inc: 10 }))
    core.start(true, undefined, true)
    for (const [peerId, inc] of [
      ['b', 9],
      ['c', 12],
    ] as const)
      core.meet(peerId, { inc })
    syncWith(core, 'b')
    return core
  }

  test('neither votes, nor acknowledges, nor stands for a lease: what was promised then is not known now', () => {
    const core = resumed()
    expect(sent(core.hear('b', { type: 'beat', token, beat: 1 }), 'beaten')).toEqual([])
    const answers = sent(core.hear('c', { type: 'vote', term: 4, inc: 12, claim: null }), 'voted')
    expect(answers.map(({ message }) => message.granted)).toEqual([false])
    expect(sent(core.pass(lease - 2), 'prevote')).toEqual([])
  })

  test('takes part as any other after that', () => {
    const core = resumed()
    core.pass(lease)
    expect(sent(core.hear('b', { type: 'beat', token, beat: 2 }), 'beaten')).toHaveLength(1)
  })

  test('alone, it elects itself after a lease', () => {
    const core = new CoreHarness(record('me'))
    expect(arbiterEvents(core.start(false, undefined, true))).toEqual([])
    expect(arbiterEvents(core.pass(lease + 2 * rankDelay))).toEqual(['me'])
  })
})

describe('a candidate', () => {
  test('asks first, stands with a majority, and wins with a majority', () => {
    const core = rootAmong({ b: 11, c: 12 })
    const asking = core.pass(2 * rankDelay)
    expect(sent(asking, 'prevote').map(({ to }) => to)).toEqual(['b', 'c'])
    expect(core.state.election.term).toBe(0)
    const standing = grant(core, asking, ['b'])
    expect(sent(standing, 'vote').map(({ to }) => to)).toEqual(['b', 'c'])
    const won = grant(core, standing, ['b'])
    expect(arbiterEvents(won)).toEqual(['me'])
    expect(sent(won, 'beat').map(({ to }) => to)).toContain('c')
  })

  test('does not win with less, or with the votes of strangers', () => {
    const core = rootAmong({ b: 11, c: 12, d: 13 })
    const standing = grant(core, core.pass(5 * rankDelay), ['b', 'c'])
    core.hear('stranger', { type: 'voted', term: 1, granted: true, seen: 0, claim: null })
    grant(core, standing, ['b'])
    expect(isArbiter(core.state, core.now)).toBe(false)
  })

  test('waits by rank: the oldest first', () => {
    const rank = (inc: number) => {
      const core = rootAmong({ b: 11, c: 12, d: 13 }, inc)
      return core.state.timers.get('election') ?? Number.NaN
    }
    expect(rank(10)).toBeLessThan(rankDelay)
    expect(rank(14)).toBeGreaterThanOrEqual(3 * rankDelay)
  })

  test('is one of the five oldest', () => {
    const core = rootAmong({ a: 1, b: 2, c: 3, d: 4, e: 5 })
    expect(core.state.timers.has('election')).toBe(false)
    core.give({ type: 'disconnected', peerId: 'a' })
    core.learn([endFact('a')])
    expect(core.state.timers.has('election')).toBe(true)
  })

  test('that has acknowledged a late beat of another arbiter stands no more', () => {
    const core = rootAmong({ b: 11, c: 12 })
    core.hear('b', { type: 'beat', token: { term: 5, inc: 11, peerId: 'b' }, beat: 1 })
    core.now += lease
    const asking = core.pass(2 * rankDelay)
    expect(sent(asking, 'prevote')).not.toEqual([])
    const late = core.hear('b', { type: 'beat', token: { term: 5, inc: 11, peerId: 'b' }, beat: 2 })
    expect(sent(late, 'beaten')).toHaveLength(1)
    expect(sent(grant(core, asking, ['c']), 'vote')).toEqual([])
    expect(core.state.election.promise?.to).toBe('b')
  })

  test('gives the votes back that came too late', () => {
    const core = rootAmong({ b: 11, c: 12 })
    const standing = grant(core, core.pass(2 * rankDelay), ['b'])
    core.pass(profiles.loopback.ballot)
    expect(sent(grant(core, standing, ['c']), 'release')).toMatchObject([{ to: 'c', message: { term: 1 } }])
  })

  test('that is refused learns the term and the arbiter', () => {
    const core = rootAmong({ b: 11, c: 12 })
    const [ask] = sent(core.pass(2 * rankDelay), 'prevote')
    const claim = { token: { term: 7, inc: 11, peerId: 'b' }, held: true }
    core.hear('c', { type: 'prevoted', term: ask?.message.term ?? 0, granted: false, seen: 7, claim })
    expect(arbiterOf(core.state)?.peerId).toBe('b')
    expect(core.state.election.candidacy).toBeUndefined()
  })
})

describe('a voter', () => {
  const vote = (core: CoreHarness, from: string, term: number, inc: number) =>
    sent(core.hear(from, { type: 'vote', term, inc, claim: null }), 'voted').map(({ message }) => message.granted)

  test('votes once a term, and the same again', () => {
    const core = rootAmong({ a: 1, b: 2 })
    expect(vote(core, 'a', 5, 1)).toEqual([true])
    core.now += lease + 1
    expect(vote(core, 'b', 5, 2)).toEqual([false])
    expect(vote(core, 'a', 5, 1)).toEqual([true])
    core.now += lease + 1
    expect(vote(core, 'b', 6, 2)).toEqual([true])
  })

  test('does not vote for another within the lease that it promised', () => {
    const core = rootAmong({ a: 1, b: 2 })
    vote(core, 'a', 5, 1)
    core.hear('a', { type: 'beat', token: { term: 5, inc: 1, peerId: 'a' }, beat: 1 })
    core.now += lease - 1
    expect(vote(core, 'b', 6, 2)).toEqual([false])
  })

  test('does not vote for strangers, for an earlier life, or before it has joined', () => {
    const core = rootAmong({ a: 1, b: 2 })
    core.give({ type: 'connected', peerId: 'stranger' })
    expect(vote(core, 'stranger', 5, 1)).toEqual([false])
    expect(vote(core, 'a', 5, 0)).toEqual([false])
    const newcomer = new CoreHarness(record('me', { inc: 10 }))
    newcomer.start(true)
    newcomer.meet('a')
    expect(vote(newcomer, 'a', 5, 1)).toEqual([false])
  })

  test('answers a PreVote without promising anything', () => {
    const core = rootAmong({ a: 1, b: 2 })
    const answers = sent(core.hear('a', { type: 'prevote', term: 5, inc: 1 }), 'prevoted')
    expect(answers).toMatchObject([{ message: { granted: true } }])
    expect(core.state.election.promise).toBeUndefined()
    expect(vote(core, 'b', 5, 2)).toEqual([true])
  })

  test('is free again when its candidate gives the vote back, but not by an older word', () => {
    const core = rootAmong({ a: 1, b: 2 })
    vote(core, 'a', 5, 1)
    core.hear('a', { type: 'release', term: 4 })
    expect(vote(core, 'b', 6, 2)).toEqual([false])
    core.hear('a', { type: 'release', term: 5 })
    expect(vote(core, 'b', 6, 2)).toEqual([true])
  })

  test('need not wait for the lease of a dead arbiter, once its own connection to it is gone', () => {
    const core = rootAmong({ a: 1, b: 2 })
    core.hear('a', { type: 'beat', token: { term: 5, inc: 1, peerId: 'a' }, beat: 1 })
    core.learn([endFact('a')])
    expect(vote(core, 'b', 6, 2)).toEqual([false])
    core.give({ type: 'disconnected', peerId: 'a' })
    expect(vote(core, 'b', 6, 2)).toEqual([true])
  })

  test('follows a higher arbiter at once, and acknowledges it when its promise to the former one is over', () => {
    const core = rootAmong({ a: 1, b: 2 })
    core.hear('a', { type: 'beat', token: { term: 5, inc: 1, peerId: 'a' }, beat: 1 })
    const higher = { type: 'beat', token: { term: 6, inc: 2, peerId: 'b' }, beat: 1 } as const
    expect(sent(core.hear('b', higher), 'beaten')).toEqual([])
    expect(arbiterOf(core.state)?.peerId).toBe('b')
    core.hear('a', { type: 'release', term: 5 })
    expect(sent(core.hear('b', higher), 'beaten')).toHaveLength(1)
  })

  test('does not stand or vote against an arbiter that it hears of', () => {
    const core = rootAmong({ a: 1, b: 2 })
    core.hear('a', { type: 'beat', token: { term: 5, inc: 1, peerId: 'a' }, beat: 1 })
    core.hear('b', { type: 'beat', token: { term: 6, inc: 2, peerId: 'b' }, beat: 1 })
    core.now += lease - 1
    core.hear('b', { type: 'beat', token: { term: 6, inc: 2, peerId: 'b' }, beat: 2 })
    core.now += lease - 1
    expect(vote(core, 'a', 7, 1)).toEqual([false])
    expect(sent(core.pass(0), 'prevote')).toEqual([])
  })

  test('never was a child', () => {
    const core = new CoreHarness(record('me', { parent: 'a', inc: 10 }))
    core.start()
    core.meet('a')
    syncWith(core, 'a')
    expect(vote(core, 'a', 5, 1)).toEqual([false])
    expect(core.state.timers.has('election')).toBe(false)
  })
})

describe('an arbiter', () => {
  const acknowledge = (core: CoreHarness, effects: readonly Effect[], members: readonly string[]) =>
    sent(effects, 'beat')
      .filter(({ to }) => members.includes(to))
      .flatMap(({ to, message }) => core.hear(to, { ...message, type: 'beaten' }))

  test('rules while a majority acknowledges, and no longer than a lease after the send of the last such beat', () => {
    const core = rootAmong({ b: 11, c: 12 })
    acknowledge(core, elect(core, ['b']), ['b'])
    const effects = core.pass(beat)
    const sentAt = core.now
    core.now += 200
    acknowledge(core, effects, ['b'])
    core.pass(sentAt + reign - core.now - 1)
    expect(isArbiter(core.state, core.now)).toBe(true)
    const last = core.pass(1)
    expect(isArbiter(core.state, core.now)).toBe(false)
    expect(arbiterEvents(last)).toEqual([null])
    expect(sent(last, 'release').map(({ to }) => to)).toEqual(['b', 'c'])
  })

  test('steps down for a higher token, and for no lower one', () => {
    const core = rootAmong({ b: 11, c: 12 })
    elect(core, ['b'])
    const lower = { token: { term: 1, inc: 9, peerId: 'z' }, held: true }
    const told = core.hear('b', { type: 'facts', facts: [], claim: lower })
    expect(arbiterEvents(told)).toEqual([])
    const higher = { token: { term: 1, inc: 11, peerId: 'b' }, held: true }
    expect(arbiterEvents(core.hear('c', { type: 'facts', facts: [], claim: higher }))).toEqual(['b'])
    expect(isArbiter(core.state, core.now)).toBe(false)
  })

  test('that steps down for a higher token sets its committee free', () => {
    const core = rootAmong({ b: 11, c: 12 })
    elect(core, ['b'])
    const higher = { token: { term: 9, inc: 11, peerId: 'b' }, held: true }
    const effects = core.hear('b', { type: 'facts', facts: [], claim: higher })
    expect(sent(effects, 'release')).toMatchObject([{ to: 'b' }, { to: 'c', message: { term: 1 } }])
  })

  test('tells a rival with a lower token whom to follow', () => {
    const core = rootAmong({ b: 11, c: 12 })
    elect(core, ['b'])
    const rival = { term: 0, inc: 11, peerId: 'b' }
    const answers = sent(core.hear('b', { type: 'beat', token: rival, beat: 1 }), 'facts')
    expect(answers[0]).toMatchObject({ to: 'b', message: { claim: { token: { peerId: 'me' } } } })
  })

  test('publishes its claim at once', () => {
    const core = rootAmong({ b: 11, c: 12 })
    const effects = elect(core, ['b'])
    expect(effects.filter(({ type }) => type === 'publish')).toMatchObject([
      { message: { claim: { token: { peerId: 'me', term: 1 }, held: true } } },
    ])
  })

  test('of one goes on while a second root joins, and ends when that one never acknowledges', () => {
    const core = new CoreHarness(record('me'))
    core.start()
    core.give({ type: 'connected', peerId: 'b' })
    const met = core.learn([recordFact('b', { inc: 11 })])
    expect(sent(met, 'beat').map(({ to }) => to)).toEqual(['b'])
    core.pass(lease + reign - 1)
    expect(isArbiter(core.state, core.now)).toBe(true)
    core.pass(1)
    expect(isArbiter(core.state, core.now)).toBe(false)
  })

  test('is not ruling by members that never acknowledged, however the committee changes', () => {
    const core = rootAmong({ b: 11, c: 12, d: 13, e: 14 })
    acknowledge(core, elect(core, ['b', 'c']), ['b', 'c'])
    const until = core.state.election.reign?.leaseUntil ?? 0
    for (let round = 0; core.now < until; round++) {
      core.pass(100)
      // the committee changes again and again, and nobody answers
      core.learn([round % 2 === 0 ? endFact('e', { rev: round }) : recordFact('e', { inc: 14, rev: round + 1 })])
    }
    expect(isArbiter(core.state, core.now)).toBe(false)
  })

  test('that is no longer among the oldest gives up', () => {
    const core = new CoreHarness(record('me'))
    core.start()
    const older = ['a', 'b', 'c', 'd', 'e'].map((peerId) => recordFact(peerId, { inc: 0 }))
    expect(arbiterEvents(core.learn(older))).toEqual([null])
  })

  test('that leaves says so to its committee', () => {
    const core = rootAmong({ b: 11, c: 12 })
    elect(core, ['b'])
    const effects = core.give({ type: 'leave' })
    expect(sent(effects, 'release').map(({ to }) => to)).toEqual(['b', 'c'])
    expect(events(effects).map(({ type }) => type)).toContain('left')
    expect(published(effects)).toMatchObject([{ known: { record: { status: 'left' } } }])
  })
})

describe('what others learn of the arbiter', () => {
  const token = { term: 3, inc: 1, peerId: 'a' }

  test('a claim counts once its holder is known, and no longer when it is gone', () => {
    const core = new CoreHarness(record('me', { parent: 'p' }))
    core.start()
    const claim = { token, held: true }
    expect(arbiterEvents(core.hear('p', { type: 'facts', facts: [], claim }, 'gossip'))).toEqual([])
    expect(arbiterEvents(core.learn([recordFact('a')]))).toEqual(['a'])
    expect(arbiterEvents(core.learn([endFact('a')]))).toEqual([null])
    expect(arbiterEvents(core.learn([recordFact('a', { rev: 1 })]))).toEqual(['a'])
    expect(arbiterEvents(core.learn([recordFact('a', { inc: 2 })]))).toEqual([null])
  })

  test('the accepted token never falls', () => {
    const core = rootAmong({ a: 1, b: 2 })
    core.hear('a', { type: 'facts', facts: [], claim: { token, held: true } })
    core.hear('b', { type: 'facts', facts: [], claim: { token: { ...token, term: 2 }, held: true } })
    expect(core.state.election.claim).toEqual({ token, held: true })
    core.hear('b', { type: 'facts', facts: [], claim: { token, held: false } })
    core.hear('b', { type: 'facts', facts: [], claim: { token, held: true } })
    expect(core.state.election.claim).toEqual({ token, held: false })
  })

  test('the office of an earlier life is not held any more', () => {
    const core = rootAmong({ b: 11 }, 20)
    core.hear('b', { type: 'facts', facts: [], claim: { token: { term: 4, inc: 10, peerId: 'me' }, held: true } })
    expect(core.state.election.claim?.held).toBe(false)
    expect(arbiterOf(core.state)).toBeNull()
  })
})
