import { describe, expect, test } from 'vitest'
import { arbiterOf, isArbiter } from '../../discovery/core/election.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import { profiles } from '../../discovery/profile.ts'
import { CoreHarness, page, record, sent } from './support/core-harness.ts'

const { lease, rankDelay } = profiles.loopback
const { termJump } = coreLimits
const absurd = 2 ** 50

/** A root of inc 10 with an older one, `a`, that lies, and a younger one, `b`. */
function amongLiars(): CoreHarness {
  const core = new CoreHarness(record('me', { inc: 10 }))
  core.start(true)
  core.meet('a', { inc: 1 })
  core.meet('b', { inc: 11 })
  core.hear('b', page([], core.state.registry.digest))
  return core
}

const claimOf = (term: number) => ({ token: { term, inc: 1, peerId: 'a' }, held: true })

describe('a term far above all that is known', () => {
  const lies: [string, (core: CoreHarness) => unknown][] = [
    ['a claim', (core) => core.hear('a', { type: 'facts', facts: [], claim: claimOf(absurd) })],
    ['a claim by gossip', (core) => core.hear('x', { type: 'facts', facts: [], claim: claimOf(absurd) }, 'gossip')],
    ['a beat', (core) => core.hear('a', { type: 'beat', token: claimOf(absurd).token, beat: 1 })],
    ['a vote', (core) => core.hear('a', { type: 'vote', term: absurd, inc: 1, claim: null })],
    ['a PreVote', (core) => core.hear('a', { type: 'prevote', term: absurd, inc: 1 })],
    [
      'a ballot',
      (core) => core.hear('a', { type: 'voted', term: 1, granted: false, seen: absurd, claim: claimOf(absurd) }),
    ],
  ]
  test.each(lies)('in %s is not believed, and counted', (_, lie) => {
    const core = amongLiars()
    lie(core)
    expect(core.state.election.term).toBe(0)
    expect(core.state.election.voted).toBeUndefined()
    expect(arbiterOf(core.state)).toBeNull()
    expect(core.state.counters.absurdTerms).toBeGreaterThan(0)
  })

  test('gets neither a vote nor the promise of one', () => {
    const core = amongLiars()
    const answers = [
      ...sent(core.hear('a', { type: 'vote', term: absurd, inc: 1, claim: null }), 'voted'),
      ...sent(core.hear('a', { type: 'prevote', term: absurd, inc: 1 }), 'prevoted'),
    ]
    expect(answers.map(({ message }) => message.granted)).toEqual([false, false])
  })

  test('keeps nobody from being elected, however often it is claimed', () => {
    const core = new CoreHarness(record('me'))
    core.start()
    for (let times = 0; times < 1_000; times++) {
      core.hear('x', { type: 'facts', facts: [], claim: claimOf(absurd + times) }, 'gossip')
      core.pass(lease / 10)
    }
    expect(isArbiter(core.state, core.now)).toBe(true)
    expect(core.state.election.term).toBe(1)
  })

  test('is not reached by steps that are believed for longer than the mesh will live', () => {
    const core = amongLiars()
    let claimed = 0
    for (let leases = 0; leases < 100; leases++) {
      // whatever is said within a lease counts as one step
      for (let times = 0; times < 10; times++) {
        claimed = core.state.election.term + termJump
        core.hear('x', { type: 'facts', facts: [], claim: claimOf(claimed) }, 'gossip')
      }
      core.now += lease
    }
    expect(core.state.election.term).toBeLessThanOrEqual(100 * termJump)
    const years = (Number.MAX_SAFE_INTEGER / termJump) * (lease / 1_000 / 3_600 / 24 / 365)
    expect(years).toBeGreaterThan(400)
  })
})

describe('a mesh that has seen many elections', () => {
  test('is caught up with at once by who missed less than a million of them', () => {
    const core = amongLiars()
    core.hear('a', { type: 'facts', facts: [], claim: claimOf(termJump) })
    expect(arbiterOf(core.state)?.term).toBe(termJump)
  })

  test('and in a lease for each million by who missed more', () => {
    const core = amongLiars()
    const term = 3.5 * termJump
    let leases = 0
    for (; arbiterOf(core.state) === null && leases < 10; leases++) {
      core.hear('a', { type: 'facts', facts: [], claim: claimOf(term) })
      core.now += lease
    }
    expect(arbiterOf(core.state)?.term).toBe(term)
    expect(leases).toBe(4)
  })
})

describe('a member that lies', () => {
  test('by a forged token of another is put right by that one, and ends no office for long', () => {
    const core = amongLiars()
    const forged = { token: { term: 5, inc: 10, peerId: 'me' }, held: true }
    core.hear('a', { type: 'facts', facts: [], claim: forged })
    expect(core.state.election.claim).toMatchObject({ token: forged.token, held: false })
    core.now += lease
    expect(sent(core.pass(3 * rankDelay), 'prevote')[0]?.message.term).toBe(6)
  })

  test('by beats in the name of another, or of a former term, is not acknowledged', () => {
    const core = amongLiars()
    core.hear('b', { type: 'beat', token: { term: 5, inc: 11, peerId: 'b' }, beat: 1 })
    core.now += lease
    const forged = core.hear('a', { type: 'beat', token: { term: 5, inc: 11, peerId: 'b' }, beat: 2 })
    const replayed = core.hear('a', { type: 'beat', token: { term: 4, inc: 1, peerId: 'a' }, beat: 9 })
    expect(sent([...forged, ...replayed], 'beaten')).toEqual([])
  })

  test('by acknowledging beats as no member of the committee is counted, and prolongs no lease', () => {
    const core = new CoreHarness(record('me'))
    core.start()
    core.give({ type: 'connected', peerId: 'x' })
    const token = core.state.election.reign?.token ?? { term: 0, inc: 0, peerId: '' }
    core.hear('x', { type: 'beaten', token, beat: 1 })
    expect(core.state.counters.foreignVotes).toBe(1)
    expect(core.state.election.reign?.acked.has('x')).toBe(false)
  })

  test('by handing over what it does not hold makes nobody stand', () => {
    const core = amongLiars()
    core.hear('b', { type: 'beat', token: { term: 5, inc: 11, peerId: 'b' }, beat: 1 })
    core.hear('a', { type: 'handover', token: { term: 5, inc: 11, peerId: 'b' } })
    core.hear('a', { type: 'handover', token: { term: 4, inc: 1, peerId: 'a' } })
    expect(core.state.election.candidacy).toBeUndefined()
    expect(arbiterOf(core.state)?.peerId).toBe('b')
  })
})
