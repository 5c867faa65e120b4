import { describe, expect, test } from 'vitest'
import { step } from '../../discovery/core/core.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import { sameDigest, subjectOf } from '../../discovery/core/fact.ts'
import type { Digest, Fact } from '../../discovery/core/fact.ts'
import { SPAN } from '../../discovery/core/buckets.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import type { Buckets, Message } from '../../discovery/core/messages.ts'
import { compare } from '../../discovery/core/pull.ts'
import { createCore } from '../../discovery/core/state.ts'
import { profiles } from '../../discovery/profile.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import {
  CoreHarness,
  dialled,
  end,
  endFact,
  events,
  known,
  page,
  published,
  record,
  recordFact,
  sent,
} from './support/core-harness.ts'

const { batch, grace, joinWait, joinRetry, sync } = profiles.loopback

function root(fields: Partial<ActorRecord> = {}, limits = {}): CoreHarness {
  const core = new CoreHarness(record('m', fields), limits)
  core.start()
  return core
}

function subjects(facts: readonly Fact[]): string[] {
  return facts.map(subjectOf)
}

function changes(effects: readonly Effect[]): string[] {
  return events(effects).flatMap((event) =>
    event.type === 'up' || event.type === 'down' || event.type === 'updated'
      ? [`${event.type} ${event.record.peerId}`]
      : [],
  )
}

describe('a core', () => {
  test('starts once, and first', () => {
    const state = createCore({ profile: profiles.loopback })
    expect(() => step(state, 0, Math.random, { type: 'changed' })).toThrow("first input must be 'start'")
    const core = root()
    expect(() => core.give({ type: 'start', own: known('m') })).toThrow("has had its 'start' already")
  })

  test('bears timers that come early, late and out of nowhere', () => {
    const core = root()
    core.meet('z')
    for (const name of ['batch', 'sync', 'join', 'links', 'election', 'ballot', 'beat', 'lease'] as const) {
      core.give({ type: 'timer', name })
      core.give({ type: 'timer', name })
    }
    expect(core.state.joined).toBe(true)
  })

  test('ignores conversations of those who are no neighbours, and what pretends to be its own', () => {
    const core = root()
    const { digest } = core.state.registry
    core.hear('stranger', page([recordFact('x')], digest, { answer: true }))
    expect(core.state.registry.get('x')).toBeUndefined()
    core.hear('m', { type: 'facts', facts: [recordFact('x')], claim: null })
    expect(core.state.registry.get('x')).toBeUndefined()
  })
})

describe('joining', () => {
  test('a root that expects nobody has joined at once', () => {
    const core = new CoreHarness(record('m'))
    expect(events(core.start())).toContainEqual({ type: 'joined', alone: true })
  })

  test('a root that expects others waits for its first sync before it elects', () => {
    const core = new CoreHarness(record('m'))
    expect(events(core.start(true)).map(({ type }) => type)).toEqual(['up'])
    core.give({ type: 'connected', peerId: 'a' })
    const digest = { count: 9, sums: [1, 1] } as const
    const first = core.hear('a', page([recordFact('a')], digest, { until: 9 }))
    expect(events(first).map(({ type }) => type)).toEqual(['up'])
    const last = core.hear('a', page([recordFact('b')], digest))
    expect(events(last)).toContainEqual({ type: 'joined', alone: false })
  })

  test('it waits for a bounded time, and asks again meanwhile', () => {
    const core = new CoreHarness(record('m'))
    core.start(true)
    core.give({ type: 'connected', peerId: 'a' })
    expect(sent(core.pass(joinRetry), 'buckets')).toHaveLength(1)
    expect(events(core.pass(joinWait))).toContainEqual({ type: 'joined', alone: true })
  })

  test('a child has joined when it has synced with its parent, and with nobody else', () => {
    const core = new CoreHarness(record('c', { parent: 'm' }))
    core.start()
    core.give({ type: 'connected', peerId: 'm' })
    core.give({ type: 'connected', peerId: 'x' })
    const { digest } = core.state.registry
    const done = page([], digest)
    core.hear('x', done)
    core.pass(10 * joinWait)
    expect(core.state.joined).toBe(false)
    expect(events(core.hear('m', done))).toContainEqual({ type: 'joined', alone: false })
  })
})

describe('syncing', () => {
  const other = { count: 5, sums: [1, 2] } as const
  const pauses = 10 * batch

  /** The sums of a registry that holds nothing. */
  const empty: Buckets = {
    type: 'buckets',
    level: 4,
    position: 0,
    sums: new Uint8Array(128),
    digest: { count: 0, sums: [0, 0] },
    claim: null,
  }

  test('equal digests need one short answer', () => {
    const core = root()
    core.meet('z')
    const { digest } = core.state.registry
    const answers = sent(core.hear('z', { type: 'sync', digest, claim: null }), 'state')
    expect(answers).toMatchObject([{ message: { facts: [], more: false } }])
  })

  test('another digest is answered with the sums of the own buckets', () => {
    const core = root()
    core.meet('z')
    expect(sent(core.hear('z', { type: 'sync', digest: other, claim: null }), 'buckets')).toMatchObject([
      { to: 'z', message: { position: 0, digest: core.state.registry.digest } },
    ])
  })

  test('sums are answered with what is in the buckets that differ, ends among it', () => {
    const core = root()
    core.learn([recordFact('c', { parent: 'b', root: 'm' }), recordFact('b', { parent: 'm' })])
    core.learn(Array.from({ length: 100 }, (_, index) => endFact(`gone${index}`)))
    core.meet('z')
    const [answer] = sent(core.hear('z', empty), 'state')
    const told = subjects(answer?.message.facts ?? [])
    expect(told).toEqual(expect.arrayContaining(['m', 'z', 'b', 'c']))
    expect(told.filter((peerId) => peerId.startsWith('gone')).length).toBeGreaterThan(5)
    expect(answer?.message).toMatchObject({
      more: false,
      answer: false,
      until: SPAN,
      claim: { token: { peerId: 'm' } },
    })
  })

  test('one difference among many costs a few facts', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => recordFact(`r${index}`))
    const [asking, asked] = [root(), new CoreHarness(record('z'))]
    asked.start()
    for (const core of [asking, asked]) core.learn([recordFact('m'), recordFact('z'), ...many])
    asking.meet('z')
    asked.meet('m')
    asked.learn([recordFact('r7', { seq: 1 })])
    const question = sent(
      asking.hear('z', { type: 'sync', digest: asked.state.registry.digest, claim: null }),
      'buckets',
    )
    expect(question[0]?.message.sums.length).toBe(2_048)
    const [answer] = sent(asked.hear('m', question[0]!.message), 'state')
    expect(answer?.message.facts.length).toBeLessThan(20)
    asking.hear('z', answer!.message)
    expect(sameDigest(asking.state.registry.digest, asked.state.registry.digest)).toBe(true)
  })

  test('a digest that differs for longer than gossip takes is pulled for, one that does not is not', () => {
    const core = root()
    core.meet('z')
    const see = (digest: Digest) => {
      const turn = { state: core.state, now: core.now, rng: () => 0.5, effects: [], review: false }
      compare(turn, 'z', digest)
      return sent(turn.effects, 'buckets').length
    }
    expect(see(other)).toBe(0)
    core.now += pauses
    expect(see(core.state.registry.digest)).toBe(0)
    expect(see(other)).toBe(0)
    core.now += batch
    expect(see(other)).toBe(0)
    core.now += pauses
    expect(see(other)).toBe(1)
    expect(see(other)).toBe(0)
  })

  test('digests that go on changing are pulled for after a while', () => {
    const core = root()
    core.meet('z')
    let pulled = 0
    for (let count = 0; count < 30; count++) {
      const turn = { state: core.state, now: core.now, rng: () => 0.5, effects: [], review: false }
      compare(turn, 'z', { count, sums: [1, 2] })
      pulled += sent(turn.effects, 'buckets').length
      core.now += batch
    }
    expect(pulled).toBe(1)
  })

  test('nobody is fed faster than its rate: it is told to ask later', () => {
    const core = root({}, { neighbourBytes: 100 })
    core.meet('z')
    const ask = () => sent(core.hear('z', empty), 'state').map(({ message }) => message.until)
    expect(ask()).toEqual([SPAN])
    expect(ask()).toEqual([0])
    expect(core.state.counters.busy).toBe(1)
    core.now += 60_000
    expect(ask()).toEqual([SPAN])
  })

  test('who joins and is told to ask later asks another one at once', () => {
    const core = new CoreHarness(record('m'))
    core.start(true)
    core.learn([recordFact('a'), recordFact('b')])
    core.give({ type: 'connected', peerId: 'a' })
    core.give({ type: 'connected', peerId: 'b' })
    expect(sent(core.hear('a', page([], other, { until: 0 })), 'buckets').map(({ to }) => to)).toEqual(['b'])
  })

  test('a large registry is pulled page by page, each when the one before was merged', () => {
    const [asking, asked] = [root({}, { pageBytes: 3_000 }), new CoreHarness(record('z'), { pageBytes: 3_000 })]
    asked.start()
    asked.learn(Array.from({ length: 60 }, (_, index) => recordFact(`r${index}`)))
    asking.meet('z')
    asked.meet('m')
    let questions = sent(asking.hear('z', { type: 'sync', digest: other, claim: null }), 'buckets')
    let rounds = 0
    while (questions.length > 0 && rounds < 100) {
      rounds++
      const answers = sent(asked.hear('m', questions[0]!.message), 'state')
      for (const { message } of answers) expect(message.facts.length).toBeLessThan(12)
      const next = answers.flatMap(({ message }) => asking.hear('z', message))
      questions = sent(next, 'buckets')
      for (const { message } of sent(next, 'state')) asked.hear('m', message)
    }
    expect(rounds).toBeGreaterThan(5)
    expect(sameDigest(asking.state.registry.digest, asked.state.registry.digest)).toBe(true)
    expect(asking.state.pulls.size).toBe(0)
  })

  test('what the other does not have is given back', () => {
    const core = root()
    core.meet('z')
    core.learn([recordFact('y')])
    core.hear('z', { type: 'sync', digest: other, claim: null })
    const facts = [recordFact('z'), recordFact('x'), recordFact('y', { seq: 1 })]
    const [reply] = sent(core.hear('z', page(facts, other)), 'state')
    expect(subjects(reply?.message.facts ?? [])).toEqual(['m'])
    expect(reply?.message.answer).toBe(true)
    expect(sent(core.hear('z', page(facts, other, { answer: true })), 'state')).toEqual([])
  })

  test.each([
    ['goes back', { until: 0 }],
    ['stands still without a fact', { until: 7, facts: [] }],
  ])('an answer that %s ends the pull', (_, rest) => {
    const core = root()
    core.meet('z')
    core.hear('z', { type: 'sync', digest: other, claim: null })
    expect(core.state.pulls.size).toBe(1)
    expect(sent(core.hear('z', page([recordFact('x')], other, rest)), 'buckets')).toEqual([])
    expect(core.state.pulls.size).toBe(0)
  })

  test('what differs for good is asked for less and less often', () => {
    const core = root()
    core.meet('z')
    let asked = 0
    for (let count = 0; count < 600; count++) {
      core.now += batch
      const questions = sent(core.hear('z', { type: 'probe', seq: count, digest: other }), 'buckets')
      asked += questions.length
      if (questions.length > 0) core.hear('z', page([], other, { differs: new Uint8Array(0) }))
    }
    expect(asked).toBeGreaterThan(3)
    expect(asked).toBeLessThan(12)
  })

  test('who shows what is hidden here is given the later record', () => {
    const core = root()
    core.learn([recordFact('z'), recordFact('x', { parent: 'gone', root: 'gone', seq: 7 })])
    core.give({ type: 'connected', peerId: 'z' })
    core.hear('z', { type: 'sync', digest: other, claim: null })
    const [reply] = sent(core.hear('z', page([recordFact('z'), recordFact('x')], other)), 'state')
    expect(reply?.message.facts).toContainEqual(recordFact('x', { parent: 'gone', root: 'gone', seq: 7 }))
  })

  test('of two that ask each other at once one answers', () => {
    const core = root()
    const answers: Record<string, number> = {}
    for (const peerId of ['a', 'z']) {
      core.meet(peerId)
      core.pass(pauses)
      core.hear(peerId, { type: 'sync', digest: other, claim: null })
      answers[peerId] = sent(core.hear(peerId, empty), 'state').length
    }
    expect(answers).toEqual({ a: 1, z: 0 })
  })

  test('children are shown the digest when a sync brought news, and pull', () => {
    const core = root()
    core.meet('z')
    core.meet('k', { parent: 'm' })
    core.pass(batch)
    core.hear('z', { type: 'sync', digest: other, claim: null })
    const effects = core.hear('z', page([recordFact('y')], other))
    expect(sent(effects, 'sync')).toMatchObject([{ to: 'k', message: { digest: core.state.registry.digest } }])
    expect(published(core.pass(2 * batch))).toEqual([])
  })

  test('goes on with a random neighbour for ever', () => {
    const core = root()
    core.meet('y')
    core.meet('z')
    const partners = new Set(sent(core.pass(50 * sync), 'sync').map(({ to }) => to))
    expect(partners).toEqual(new Set(['y', 'z']))
  })
})

describe('telling others', () => {
  test('changes are gathered and published together', () => {
    const core = root()
    core.meet('z')
    core.pass(batch)
    core.meet('k1', { parent: 'm' })
    core.give({ type: 'childExited', peerId: 'k1' })
    core.give({ type: 'lookupFailed', peerId: 'nobody' })
    expect(published(core.pass(batch - 1))).toEqual([])
    expect(subjects(published(core.pass(1)))).toEqual(['k1'])
  })

  test('what came by gossip is not published again', () => {
    const core = root()
    core.meet('z')
    core.pass(batch)
    core.learn([recordFact('y'), endFact('y')])
    expect(published(core.pass(10 * batch))).toEqual([])
  })

  test('what a child tells on its stream goes to everybody, what a root tells there to the children', () => {
    const core = root()
    core.meet('z')
    core.meet('k', { parent: 'm' })
    core.pass(batch)
    core.learn([recordFact('g', { parent: 'k', root: 'm' })], 'k', 'stream')
    expect(subjects(published(core.pass(2 * batch)))).toEqual(['g'])
    core.learn([recordFact('y')], 'z', 'stream')
    const told = core.pass(2 * batch)
    expect(published(told)).toEqual([])
    expect(sent(told, 'facts').map(({ to, message }) => [to, subjects(message.facts)])).toEqual([['k', ['y']]])
  })

  test('what a child has gossiped goes to the own parent, on its stream', () => {
    const core = new CoreHarness(record('k', { parent: 'm', root: 'm' }))
    core.start(true)
    core.meet('m')
    core.meet('g', { parent: 'k', root: 'm' })
    core.pass(2 * batch)
    core.learn([recordFact('g', { parent: 'k', root: 'm', seq: 1 })], 'g', 'gossip')
    const told = core.pass(2 * batch)
    expect(published(told)).toEqual([])
    const toParent = sent(told, 'facts').filter(({ to }) => to === 'm')
    expect(toParent.map(({ message }) => subjects(message.facts))).toEqual([['g']])
    // what others have gossiped the parent hears from them
    core.learn([recordFact('y')], 'm', 'gossip')
    expect(sent(core.pass(2 * batch), 'facts').filter(({ to }) => to === 'm')).toEqual([])
  })

  test('with nobody to hear it nothing is published, and nothing piles up', () => {
    const core = root()
    for (let index = 0; index < 50; index++) core.give({ type: 'changed' })
    expect(published(core.pass(batch))).toEqual([])
    expect(core.state.outbox.mesh.size).toBe(0)
  })

  test('a queue that is full drops the oldest and counts that', () => {
    const core = root({}, { queue: 3 })
    core.meet('k', { parent: 'm' })
    core.pass(batch)
    core.learn(
      Array.from({ length: 10 }, (_, index) => recordFact(`y${index}`, { parent: 'k', root: 'm' })),
      'k',
      'stream',
    )
    expect(subjects(published(core.pass(2 * batch)))).toEqual(['y7', 'y8', 'y9'])
    expect(core.state.counters.dropped).toBe(7)
  })

  test('a change of the own content is a new seq', () => {
    const core = root()
    core.meet('z')
    core.pass(batch)
    core.give({ type: 'changed' })
    expect(published(core.pass(batch))).toMatchObject([{ known: { record: { peerId: 'm', rev: 0, seq: 1 } } }])
  })
})

describe('the end of an actor', () => {
  test('a child that exited is gone everywhere, with whoever stands below it', () => {
    const core = root()
    core.meet('z')
    core.meet('k', { parent: 'm' })
    core.learn([recordFact('g', { parent: 'k', root: 'm' })], 'k', 'stream')
    expect(changes(core.give({ type: 'childExited', peerId: 'k' }))).toEqual(['down k', 'down g'])
    expect(published(core.pass(2 * batch))).toContainEqual(endFact('k', { by: 'm' }))
  })

  test('a child that exited before it was known stays unknown', () => {
    const core = root()
    core.give({ type: 'childExited', peerId: 'k' })
    core.learn([recordFact('k', { parent: 'm' })])
    expect(core.state.registry.get('k')).toBeUndefined()
    core.learn([recordFact('k', { parent: 'm', rev: 5 })])
    expect(core.state.registry.get('k')).toBeUndefined()
  })

  test('a failed lookup takes the entry of an actor that is no root out and tells everybody', () => {
    const core = root()
    core.meet('z')
    core.learn([recordFact('y', { parent: 'z' })])
    expect(changes(core.give({ type: 'lookupFailed', peerId: 'y' }))).toEqual(['down y'])
    expect(published(core.pass(2 * batch))).toContainEqual(endFact('y', { by: 'm' }))
  })

  test('a failed lookup of a root is verified: refused dials are its death, a failed one an accusation', () => {
    const refusing = root()
    refusing.learn([recordFact('a')])
    expect(dialled(refusing.give({ type: 'lookupFailed', peerId: 'a' }))).toEqual(['a'])
    for (let dial = 0; dial < coreLimits.refusals; dial++) {
      refusing.give({ type: 'dialled', peerId: 'a', outcome: 'refused' })
      refusing.pass(grace)
    }
    expect(refusing.state.registry.get('a')).toBeUndefined()

    const failing = root()
    failing.meet('z')
    failing.learn([recordFact('a')])
    failing.give({ type: 'lookupFailed', peerId: 'a' })
    failing.give({ type: 'dialled', peerId: 'a', outcome: 'failed' })
    expect(failing.state.registry.get('a')).toBeDefined()
    expect(published(failing.pass(2 * batch))).toContainEqual({
      kind: 'suspect',
      accusation: { peerId: 'a', inc: 1, rev: 0, by: 'm', age: 0 },
    })
  })

  test('a failed lookup of a neighbour or of oneself is no death', () => {
    const core = root()
    core.meet('z')
    core.give({ type: 'lookupFailed', peerId: 'z' })
    core.give({ type: 'lookupFailed', peerId: 'm' })
    expect(core.state.registry.digest.count).toBe(2)
  })

  test('parents remember a bounded number of ended children', () => {
    const core = root({}, { exited: 3 })
    for (let index = 0; index < 10; index++) core.give({ type: 'childExited', peerId: `k${index}` })
    expect([...core.state.exited]).toEqual(['k7', 'k8', 'k9'])
  })

  test('the last word of a leaving actor goes to every neighbour before it is over', () => {
    const core = root()
    core.meet('y')
    core.meet('z')
    const effects = core.give({ type: 'leave' })
    expect(sent(effects, 'facts').map(({ to }) => to)).toEqual(['y', 'z'])
    expect(events(effects).at(-1)).toEqual({ type: 'left' })
    expect(core.state.registry.get('m')).toBeUndefined()
    expect(core.learn([endFact('m', { rev: 9 })]).filter(({ type }) => type === 'sign')).toEqual([])
  })
})

describe('clocks that are hours off', () => {
  const hours = 10 * 3_600_000

  /** A parent and its child, which hear each other. */
  function family(): {
    parent: CoreHarness
    child: CoreHarness
    exchange: (effects: { up?: Effect[]; down?: Effect[] }) => void
  } {
    const parent = root({ inc: 1_000 })
    const child = new CoreHarness(record('k', { parent: 'm', inc: 1_000 }))
    const said = (effects: Effect[], to: string) =>
      effects.flatMap((effect): { message: Message; via: 'stream' | 'gossip' }[] => {
        if (effect.type === 'publish') return [{ message: effect.message, via: 'gossip' }]
        return effect.type === 'send' && effect.to === to ? [{ message: effect.message, via: 'stream' }] : []
      })
    const exchange = ({ up = [], down = [] }: { up?: Effect[]; down?: Effect[] }): void => {
      for (let round = 0; round < 20; round++) {
        const [toParent, toChild] = [said(up, 'm'), said(down, 'k')]
        down = toParent.flatMap(({ message, via }) => parent.hear('k', message, via))
        up = toChild.flatMap(({ message, via }) => child.hear('m', message, via))
        parent.now += batch
        child.now += batch
        down.push(...parent.pass(batch))
        up.push(...child.pass(batch))
      }
    }
    const up = child.start()
    const down = parent.give({ type: 'connected', peerId: 'k' })
    up.push(...child.give({ type: 'connected', peerId: 'm' }))
    exchange({ up, down })
    expect(parent.state.registry.get('k')).toBeDefined()
    return { parent, child, exchange }
  }

  test('an identity whose last life began hours ahead is outbid, and its children follow', () => {
    const { parent, child, exchange } = family()
    exchange({ down: parent.learn([recordFact('m', { inc: 1_000 + hours })], 'z') })
    expect(parent.state.own?.record.inc).toBe(1_001 + hours)
    expect(child.state.own?.record.inc).toBe(1_001 + hours)
    for (const core of [parent, child]) {
      expect(core.state.registry.get('m')?.inc).toBe(1_001 + hours)
      expect(core.state.registry.get('k')?.inc).toBe(1_001 + hours)
    }
  })

  test('the child of a former life does not follow the next one', () => {
    const { child } = family()
    child.give({ type: 'disconnected', peerId: 'm' })
    child.give({ type: 'connected', peerId: 'm' })
    child.learn([recordFact('m', { inc: 1_000 + hours })], 'm', 'stream')
    expect(child.state.own?.record.inc).toBe(1_000)
    expect(child.state.registry.get('k')).toBeUndefined()
  })

  test('ages travel and clocks do not: an end is remembered for one TTL wherever it goes', () => {
    const far = root()
    const near = root()
    // two machines whose monotonic clocks have nothing to do with each other
    far.now = hours
    near.now = 5
    const { tombstoneTtl } = profiles.loopback
    far.learn([recordFact('x'), endFact('x', { age: tombstoneTtl / 2 })])
    far.now += tombstoneTtl / 4
    const told = [...far.state.registry.facts(far.now)].filter(({ kind }) => kind === 'end')
    expect(told).toMatchObject([{ end: { peerId: 'x', age: (tombstoneTtl * 3) / 4 } }])
    near.learn(told)
    near.now += tombstoneTtl / 4 - 1
    near.state.registry.sweep(near.now)
    expect(near.state.registry.tombstone('x')).toBeDefined()
    near.now += 1
    near.state.registry.sweep(near.now)
    expect(near.state.registry.tombstone('x')).toBeUndefined()
  })

  test('a root whose clock is hours ahead or behind changes who is the oldest, and nothing else', () => {
    const core = root({ inc: 1_000 + hours })
    core.learn([recordFact('ahead', { inc: 1_000 + 2 * hours }), recordFact('behind', { inc: 1_000 })])
    expect(core.state.registry.elders().map(({ peerId }) => peerId)).toEqual(['behind', 'm', 'ahead'])
    core.learn([endFact('ahead', { inc: 1_000 + 2 * hours }), endFact('behind', { inc: 1_000 })])
    expect([...core.state.registry.roots()].map(({ peerId }) => peerId)).toEqual(['m'])
  })
})

describe('accusations', () => {
  test.each([
    ['incarnation', { inc: 2 ** 53 - 2 }],
    ['revision', { rev: 2 ** 53 - 2 }],
  ])('of an absurd %s are counted, and neither believed nor refuted', (_, life) => {
    const core = root()
    core.meet('z')
    const effects = core.learn([endFact('m', life), endFact('z', life), endFact('unknown', life)], 'z')
    expect(effects.filter(({ type }) => type === 'sign')).toEqual([])
    expect(core.state.registry.get('z')).toBeDefined()
    expect(core.state.registry.tombstone('unknown')).toBeUndefined()
    expect(core.state.counters.incredible).toBe(3)
  })

  test('however high they go, an actor can refute them, and dies when it is dead', () => {
    const core = root()
    core.meet('z')
    core.learn([endFact('m', { inc: 2 ** 48, rev: 2 ** 20 })])
    const { inc } = core.state.own!.record
    expect(inc).toBe(2 ** 48 + 1)
    for (let count = 0; count < 20; count++) {
      const { rev } = core.state.own!.record
      core.learn([endFact('m', { inc, rev })])
      expect(core.state.own!.record).toMatchObject({ inc, rev: rev + 1 })
    }
    core.learn([recordFact('z', { inc: 2 ** 50 })])
    core.learn([endFact('z', { inc: 2 ** 50 })])
    expect(core.state.registry.get('z')).toBeUndefined()
  })

  test('the owner refutes with a higher rev and tells everybody', () => {
    const core = root()
    core.meet('z')
    core.pass(batch)
    const effects = core.learn([endFact('m', { rev: 4, by: 'liar' })])
    expect(events(effects)).toContainEqual({ type: 'accused', by: 'liar' })
    expect(changes(effects)).toEqual(['updated m'])
    expect(published(core.pass(batch))).toMatchObject([{ known: { record: { inc: 1, rev: 5 } } }])
  })

  test('one that was refuted before is answered with the refutation', () => {
    const core = root({ rev: 3 })
    core.meet('z')
    const effects = core.learn([endFact('m', { rev: 2 })], 'z', 'stream')
    expect(sent(effects, 'facts')).toMatchObject([{ to: 'z', message: { facts: [{ known: { record: { rev: 3 } } }] } }])
    expect(core.state.own?.record.rev).toBe(3)
  })

  test.each(['stream', 'gossip'] as const)(
    'a record of one who is called dead, by %s, makes no further noise',
    (via) => {
      const core = root()
      core.meet('z')
      core.learn([endFact('y')])
      core.pass(2 * batch)
      const effects = core.learn([recordFact('y', { seq: 7 })], 'z', via)
      expect([...sent(effects, 'facts'), ...published(core.pass(2 * batch))]).toEqual([])
      expect(core.state.registry.tombstone('y')).toBeDefined()
    },
  )

  test('a neighbour that is called dead hears it at once', () => {
    const core = root()
    core.meet('y')
    const effects = core.learn([endFact('y')])
    expect(sent(effects, 'facts')).toMatchObject([{ to: 'y', message: { facts: [{ end: { peerId: 'y' } }] } }])
  })

  test('a stale accusation on a stream is answered with the later record', () => {
    const core = root()
    core.meet('z')
    core.learn([recordFact('y', { rev: 2 })])
    const effects = core.learn([endFact('y', { rev: 1 })], 'z', 'stream')
    expect(sent(effects, 'facts')).toMatchObject([{ message: { facts: [{ known: { record: { rev: 2 } } }] } }])
  })

  test('an earlier life of the own peer id is outbid, another process with the same key only a few times', () => {
    const core = root()
    core.learn([recordFact('m', { inc: 7 })])
    expect(core.state.own?.record.inc).toBe(8)
    const seen: string[] = []
    for (let inc = 20; inc < 60; inc++)
      seen.push(...events(core.learn([recordFact('m', { inc })])).map(({ type }) => type))
    expect(seen.filter((type) => type === 'conflict')).toHaveLength(1)
    expect(core.state.own?.record.inc).toBeLessThan(20 + 2 * coreLimits.reclaims)
  })

  test('while a record is being signed, an accusation of that very version is refuted too', () => {
    const core = new CoreHarness(record('m'))
    core.start()
    const rng = () => 0
    const first = step(core.state, 1, rng, {
      type: 'message',
      from: 'x',
      via: 'gossip',
      message: { type: 'facts', facts: [{ kind: 'end', end: end('m') }], claim: null },
    })
    const second = step(core.state, 2, rng, {
      type: 'message',
      from: 'x',
      via: 'gossip',
      message: { type: 'facts', facts: [{ kind: 'end', end: end('m', { rev: 1 }) }], claim: null },
    })
    expect(first).toContainEqual({ type: 'sign', inc: 1, rev: 1, seq: 0, status: 'up' })
    expect(second).toContainEqual({ type: 'sign', inc: 1, rev: 2, seq: 0, status: 'up' })
  })
})

test('the same inputs, times and random numbers give the same effects', () => {
  const run = () => {
    const core = root()
    return [
      core.meet('z'),
      core.learn([recordFact('y'), endFact('x')]),
      core.pass(20_000),
      core.give({ type: 'leave' }),
    ]
  }
  expect(run()).toEqual(run())
})
