import { describe, expect, test } from 'vitest'
import { holds } from '../../discovery/core/claims.ts'
import type { Answer, Claims, Want } from '../../discovery/core/claim-messages.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import { profiles } from '../../discovery/profile.ts'
import { SPAN } from '../../discovery/core/buckets.ts'
import type { State } from '../../discovery/core/messages.ts'
import { CoreHarness, events, record, recordFact, sent } from './support/core-harness.ts'

const { claimLease, claimRenew, lease } = profiles.loopback
const earlier = { term: 1, inc: 1, peerId: 'former' }
const margin = lease / 3

/** Of its tree, so that it keeps its office alone. */
const below = { inc: 2, parent: 'arb', root: 'arb' }

/** The arbiter of a mesh of one, with books that are open. */
function arbiter(limits: Partial<typeof coreLimits> = {}): CoreHarness {
  const core = new CoreHarness(record('arb'), limits as never)
  core.start()
  core.pass(1)
  expect(core.state.election.reign).toBeDefined()
  return core
}

function nothingMore({ state }: CoreHarness): Pick<State, 'digest' | 'more' | 'answer' | 'until' | 'differs'> {
  return { digest: state.registry.digest, more: false, answer: false, until: SPAN, differs: new Uint8Array(0) }
}

function want(id: number, name: string, more: Partial<Want> = {}): Want {
  return { id, name, fence: undefined, waited: 0, ...more }
}

function claims(actor: string, round: number, wants: readonly Want[], life = 1): Claims {
  return { type: 'claims', actor, life, round, wants }
}

/** What an actor was answered last. */
function answersTo(effects: readonly Effect[], actor: string): readonly Answer[] | undefined {
  return sent(effects, 'granted').findLast(({ message }) => message.actor === actor)?.message.answers
}

describe('an arbiter', () => {
  test('grants a free name at once, and each grant has a higher serial', () => {
    const core = arbiter()
    core.meet('a', { inc: 2 })
    const answers = answersTo(core.hear('a', claims('a', 1, [want(1, 'crown'), want(2, 'orb')])), 'a')
    const { token } = core.state.election.reign ?? {}
    expect(answers).toEqual([
      { id: 1, outcome: 'held', fence: { ...token, serial: 1 } },
      { id: 2, outcome: 'held', fence: { ...token, serial: 2 } },
    ])
  })

  test('lets others wait, and tells them who holds the name', () => {
    const core = arbiter()
    for (const id of ['a', 'b']) core.meet(id, { inc: 2 })
    core.hear('a', claims('a', 1, [want(1, 'crown')]))
    expect(answersTo(core.hear('b', claims('b', 1, [want(1, 'crown')])), 'b')).toEqual([
      { id: 1, outcome: 'waits', holder: 'a' },
    ])
  })

  test('gives a name that is given up to whoever has waited longest, also when it asked later', () => {
    const core = arbiter()
    for (const id of ['a', 'b', 'c']) core.meet(id, { inc: 2 })
    core.hear('a', claims('a', 1, [want(1, 'crown')]))
    core.hear('b', claims('b', 1, [want(1, 'crown')]))
    core.hear('c', claims('c', 1, [want(1, 'crown', { waited: 5_000 })]))
    const effects = core.hear('a', claims('a', 2, []))
    expect(answersTo(effects, 'c')).toMatchObject([{ outcome: 'held' }])
    expect(answersTo(effects, 'b')).toBeUndefined()
  })

  test('takes no older telling after a newer one', () => {
    const core = arbiter()
    core.meet('a', { inc: 2 })
    core.hear('a', claims('a', 2, []))
    expect(core.hear('a', claims('a', 1, [want(1, 'crown')]))).toEqual([])
    expect(core.state.claims.office?.size).toBe(0)
  })

  test('gives a name to the next one only after the lease of a holder that fell silent, and a margin', () => {
    const core = arbiter()
    for (const id of ['a', 'b']) core.meet(id, below)
    core.hear('a', claims('a', 1, [want(1, 'crown')]))
    const { now } = core
    for (let round = 1; core.now < now + claimLease + margin - claimRenew; round++) {
      core.hear('b', claims('b', round, [want(1, 'crown')]))
      core.pass(claimRenew)
    }
    expect(core.state.claims.office?.names.get('crown')?.holder?.party.actor).toBe('a')
    const effects = core.pass(now + claimLease + margin - core.now)
    expect(answersTo(effects, 'b')).toMatchObject([{ outcome: 'held' }])
  })

  test('frees what a root held that refuses connections, at once', () => {
    const core = arbiter()
    for (const id of ['a', 'b']) core.meet(id, { inc: 2 })
    core.hear('a', claims('a', 1, [want(1, 'crown')]))
    core.hear('b', claims('b', 1, [want(1, 'crown')]))
    const effects = [...core.give({ type: 'disconnected', peerId: 'a' })]
    for (let attempt = 0; attempt < coreLimits.refusals; attempt++) {
      effects.push(...core.pass(50), ...core.give({ type: 'dialled', peerId: 'a', outcome: 'refused' }))
    }
    expect(answersTo(effects, 'b')).toMatchObject([{ outcome: 'held' }])
  })

  test('frees nothing of a root that is only said to be dead', () => {
    const core = arbiter()
    for (const id of ['a', 'b', 'c']) core.meet(id, { inc: 2 })
    core.hear('a', claims('a', 1, [want(1, 'crown')]))
    core.hear('b', claims('b', 1, [want(1, 'crown')]))
    const end = { peerId: 'a', inc: 2, rev: 0, state: 'dead', by: 'c', age: 0 } as const
    const effects = [...core.learn([{ kind: 'end', end }]), ...core.pass(claimLease / 2)]
    expect(answersTo(effects, 'b')).toBeUndefined()
  })

  test('believes nobody who speaks for an actor of another tree', () => {
    const core = arbiter()
    for (const id of ['a', 'b']) core.meet(id, { inc: 2 })
    core.hear('a', claims('a', 1, [want(1, 'crown')]))
    core.hear('b', claims('a', 2, []))
    expect(core.state.claims.office?.names.get('crown')?.holder?.party.actor).toBe('a')
    expect(core.state.counters.dropped).toBe(1)
  })

  test('refuses more claims than a mesh may have, and longer lines than a name may have', () => {
    const core = arbiter({ claims: 3, claimLine: 1 } as never)
    core.meet('a', { inc: 2 })
    const wants = [want(1, 'crown'), want(2, 'crown'), want(3, 'crown'), want(4, 'orb'), want(5, 'sceptre')]
    expect(answersTo(core.hear('a', claims('a', 1, wants)), 'a')).toMatchObject([
      { outcome: 'held' },
      { outcome: 'waits' },
      { outcome: 'full', limit: 'claimLine' },
      { outcome: 'held' },
      { outcome: 'full', limit: 'claims' },
    ])
  })
})

describe('a new arbiter', () => {
  /** One of a second term, in its grace period. */
  function successor(): CoreHarness {
    const core = new CoreHarness(record('arb', { inc: 1 }))
    core.start()
    core.hear('x', { type: 'facts', facts: [], claim: { token: { ...earlier, term: 4 }, held: false } }, 'gossip')
    core.pass(2_000)
    expect(core.state.election.reign?.token.term).toBeGreaterThan(4)
    for (const id of ['a', 'b']) core.meet(id, below)
    return core
  }
  const fence = { ...earlier, serial: 7 }

  test('takes what holders tell it, with the fences that they have', () => {
    const core = successor()
    const answers = answersTo(core.hear('a', claims('a', 9, [want(1, 'crown', { fence })])), 'a')
    expect(answers).toEqual([{ id: 1, outcome: 'held', fence }])
  })

  test('grants no free name before every older lease has run out', () => {
    const core = successor()
    const openAt = core.state.claims.office?.openAt ?? 0
    expect(openAt).toBeGreaterThanOrEqual(core.now - 2_000 + claimLease + lease)
    expect(answersTo(core.hear('b', claims('b', 1, [want(1, 'crown')])), 'b')).toEqual([
      { id: 1, outcome: 'waits', holder: null },
    ])
    core.pass(openAt - core.now - 1_000)
    core.hear('b', claims('b', 2, [want(1, 'crown')]))
    expect(answersTo(core.pass(1_000), 'b')).toMatchObject([{ outcome: 'held' }])
  })

  test('lets the higher of two fences win, whoever comes first', () => {
    const higher = { ...fence, serial: 8 }
    const [one, two] = [successor(), successor()]
    one.hear('a', claims('a', 9, [want(1, 'crown', { fence })]))
    const effects = one.hear('b', claims('b', 9, [want(1, 'crown', { fence: higher })]))
    expect(answersTo(effects, 'a')).toEqual([{ id: 1, outcome: 'lost', holder: 'b' }])
    two.hear('b', claims('b', 9, [want(1, 'crown', { fence: higher })]))
    expect(answersTo(two.hear('a', claims('a', 9, [want(1, 'crown', { fence })])), 'a')).toEqual([
      { id: 1, outcome: 'lost', holder: 'b' },
    ])
  })

  test('grants at once when its predecessor has handed its books over, and keeps what is in them', () => {
    const core = new CoreHarness(record('arb', { inc: 1 }))
    core.start(true)
    const token = { term: 1, inc: 0, peerId: 'old' }
    core.meet('old', { inc: 0 })
    core.hear('old', { type: 'state', facts: [], claim: { token, held: true }, ...nothingMore(core) })
    core.hear('old', { type: 'facts', facts: [], claim: { token, held: false } })
    const grants = [{ actor: 'a', life: 2, id: 1, name: 'crown', fence: { ...token, serial: 3 } }]
    core.hear('old', { type: 'books', token, grants })
    core.hear('old', { type: 'facts', facts: [recordFact('old', { inc: 0, seq: 1, status: 'left' })], claim: null })
    core.pass(lease)
    expect(core.state.election.reign?.token.term).toBe(2)
    for (const id of ['a', 'b']) core.meet(id, below)
    const answers = answersTo(core.hear('b', claims('b', 1, [want(1, 'crown'), want(2, 'orb')])), 'b')
    expect(answers).toMatchObject([{ outcome: 'waits', holder: 'a' }, { outcome: 'held' }])
    // who does not speak up has its lease, and no more
    expect(answersTo(core.pass(claimLease / 2), 'b')).toBeUndefined()
    core.hear('b', claims('b', 2, [want(1, 'crown')]))
    expect(answersTo(core.pass(claimLease / 2 + margin), 'b')).toMatchObject([{ outcome: 'held' }])
  })

  test('does not believe books of anybody but the arbiter that was', () => {
    const core = successor()
    const token = { term: 4, inc: 1, peerId: 'former' }
    core.hear('a', { type: 'books', token, grants: [] })
    expect(core.state.claims.inherited).toBeUndefined()
  })

  test('does not judge what a later arbiter has granted', () => {
    const core = successor()
    const later = { term: 99, inc: 1, peerId: 'later', serial: 1 }
    expect(sent(core.hear('a', claims('a', 9, [want(1, 'crown', { fence: later })])), 'granted')).toEqual([])
  })
})

describe('a claimant', () => {
  /** A root that has another one as its arbiter. */
  function claimant(): CoreHarness {
    const core = new CoreHarness(record('me', { inc: 5 }))
    core.start(true)
    core.meet('arb', { inc: 1 })
    core.hear('arb', { type: 'facts', facts: [], claim: { token: { term: 3, inc: 1, peerId: 'arb' }, held: true } })
    return core
  }
  const token = { term: 3, inc: 1, peerId: 'arb' }
  const fence = { ...token, serial: 1 }

  function grant(core: CoreHarness, round: number, answers: readonly Answer[]): Effect[] {
    return core.hear('arb', { type: 'granted', actor: 'me', life: 5, round, arbiter: token, answers })
  }

  test('tells the arbiter at once, and again before its lease has run out', () => {
    const core = claimant()
    expect(sent(core.give({ type: 'claim', id: 1, name: 'crown' }), 'claims')).toMatchObject([
      { to: 'arb', message: { actor: 'me', life: 5, round: 1, wants: [{ id: 1, name: 'crown' }] } },
    ])
    expect(sent(core.pass(claimRenew), 'claims').map(({ message }) => message.round)).toEqual([2])
  })

  test('holds from the sending of what was answered, not from the answer', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    const asked = core.now
    core.pass(500)
    expect(events(grant(core, 1, [{ id: 1, outcome: 'held', fence }]))).toContainEqual({
      type: 'claimed',
      id: 1,
      name: 'crown',
      fence,
    })
    expect(holds(core.state, 1, asked + claimLease - 1)).toBe(true)
    expect(holds(core.state, 1, asked + claimLease)).toBe(false)
  })

  test('stops to believe when nobody answers for a lease, before anything else is done', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    grant(core, 1, [{ id: 1, outcome: 'held', fence }])
    core.now += claimLease
    const effects = core.give({ type: 'subscribed', peerId: 'arb' })
    expect(events(effects)[0]).toMatchObject({ type: 'claimLost', id: 1, why: 'lease' })
    expect(core.state.claims.own.size).toBe(0)
  })

  test('holds nothing by an answer that is older than a lease', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    core.pass(claimLease)
    expect(events(grant(core, 1, [{ id: 1, outcome: 'held', fence }]))).toEqual([])
    expect(holds(core.state, 1, core.now)).toBe(false)
  })

  test('hears that it has lost, and claims no more', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    grant(core, 1, [{ id: 1, outcome: 'held', fence }])
    expect(events(grant(core, 1, [{ id: 1, outcome: 'lost', holder: 'other' }]))).toContainEqual({
      type: 'claimLost',
      id: 1,
      name: 'crown',
      why: 'fenced',
      holder: 'other',
    })
    expect(sent(core.pass(2 * claimRenew), 'claims')).toEqual([])
  })

  test('keeps a grant when the answer before it comes late', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    grant(core, 1, [{ id: 1, outcome: 'held', fence }])
    grant(core, 1, [{ id: 1, outcome: 'waits', holder: 'other' }])
    expect(holds(core.state, 1, core.now)).toBe(true)
  })

  test('tells a new arbiter what it holds as soon as it hears of it', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    grant(core, 1, [{ id: 1, outcome: 'held', fence }])
    core.meet('next', { inc: 2 })
    const effects = core.hear('next', { type: 'beat', token: { term: 4, inc: 2, peerId: 'next' }, beat: 1 })
    expect(sent(effects, 'claims')).toMatchObject([{ to: 'next', message: { wants: [{ id: 1, fence }] } }])
  })

  test('gives everything up with one telling', () => {
    const core = claimant()
    core.give({ type: 'claim', id: 1, name: 'crown' })
    core.give({ type: 'claim', id: 2, name: 'orb' })
    expect(sent(core.give({ type: 'unclaim' }), 'claims')).toMatchObject([{ message: { round: 3, wants: [] } }])
  })
})

describe('an actor between a claimant and the arbiter', () => {
  test('passes claims up and answers down the same way', () => {
    const root = new CoreHarness(record('root', { inc: 5 }))
    root.start(true)
    root.meet('arb', { inc: 1 })
    root.hear('arb', { type: 'facts', facts: [], claim: { token: { term: 3, inc: 1, peerId: 'arb' }, held: true } })
    root.meet('child', { parent: 'root', root: 'root', inc: 6 })
    const telling = claims('grandchild', 1, [want(1, 'crown')], 7)
    expect(sent(root.hear('child', telling), 'claims')).toEqual([{ to: 'arb', message: telling }])
    const token = { term: 3, inc: 1, peerId: 'arb' }
    const answer = { type: 'granted', actor: 'grandchild', life: 7, round: 1, arbiter: token, answers: [] } as const
    expect(sent(root.hear('arb', answer), 'granted')).toEqual([{ to: 'child', message: answer }])
  })

  test('gives up what its child held as soon as the child has exited', () => {
    const core = arbiter()
    core.meet('child', { parent: 'arb', root: 'arb', inc: 6 })
    core.meet('b', { inc: 2 })
    core.hear('child', claims('child', 1, [want(1, 'crown')], 6))
    core.hear('b', claims('b', 1, [want(1, 'crown')]))
    const effects = core.give({ type: 'childExited', peerId: 'child' })
    expect(answersTo(effects, 'b')).toMatchObject([{ outcome: 'held' }])
  })

  test('tells a root that takes it for the arbiter who that is', () => {
    const core = new CoreHarness(record('notme', { inc: 5 }))
    core.start(true)
    core.meet('arb', { inc: 1 })
    core.meet('a', { inc: 2 })
    const claim = { token: { term: 3, inc: 1, peerId: 'arb' }, held: true }
    core.hear('arb', { type: 'facts', facts: [], claim })
    const effects = core.hear('a', claims('a', 1, [want(1, 'crown')]))
    expect(sent(effects, 'claims')).toEqual([])
    expect(sent(effects, 'facts')).toEqual([{ to: 'a', message: { type: 'facts', facts: [], claim } }])
  })

  test('remembers a bounded number of ways back', () => {
    const core = arbiter({ claimRoutes: 4 } as never)
    core.meet('a', { inc: 2 })
    for (let life = 1; life <= 20; life++) core.hear('a', claims('a', 1, [], life))
    expect(core.state.claims.routes.size).toBe(4)
  })
})
