import { describe, expect, test } from 'vitest'
import type { Effect } from '../../discovery/core/effect.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import { RINGS } from '../../discovery/core/rings.ts'
import { profiles } from '../../discovery/profile.ts'
import { CoreHarness, dialled, endFact, published, record, recordFact, sent } from './support/core-harness.ts'

const { probe, suspicion, linger, grace, batch } = profiles.loopback
const digest = { count: 0, sums: [0, 0] } as const

/** A root whose neighbours are so many others; those in `silent` do not answer it. */
function rootAmong(others: number, silent: readonly string[] = []): CoreHarness {
  const core = new CoreHarness(record('me'))
  core.start()
  for (const peerId of silent) core.silent.add(peerId)
  for (let index = 0; index < others; index++) core.meet(`p${index}`)
  core.pass(1)
  return core
}

/** Whom a core accused among what it published. */
function accused(effects: readonly Effect[]): string[] {
  return published(effects).flatMap((fact) => (fact.kind === 'suspect' ? [fact.accusation.peerId] : []))
}

/** Lets time pass while those who are asked about others answer what a function says. */
function passHelped(core: CoreHarness, ms: number, type: 'ack' | 'nack'): Effect[] {
  const effects: Effect[] = []
  for (const until = core.now + ms; core.now < until;) {
    const passed = core.pass(10)
    effects.push(...passed)
    for (const { to, message } of sent(passed, 'probeRequest')) {
      const { seq } = message
      effects.push(...core.hear(to, type === 'ack' ? { type, seq, digest } : { type, seq }))
    }
  }
  return effects
}

describe('a root', () => {
  test('probes every other root once an interval while they are few', () => {
    const core = rootAmong(4)
    const probed = sent(core.pass(10 * probe.interval), 'probe').map(({ to }) => to)
    for (let index = 0; index < 4; index++) {
      const times = probed.filter((to) => to === `p${index}`).length
      expect(times).toBeGreaterThanOrEqual(9)
      expect(times).toBeLessThanOrEqual(11)
    }
  })

  test(`probes at most ${RINGS} of many, and keeps links to ${2 * RINGS} and the committee`, () => {
    const core = rootAmong(60)
    const probed = new Set(sent(core.pass(3 * probe.interval), 'probe').map(({ to }) => to))
    expect(probed.size).toBeGreaterThan(RINGS / 2)
    expect(probed.size).toBeLessThanOrEqual(RINGS)
    core.pass(3 * linger)
    expect(core.state.links.size).toBeLessThanOrEqual(2 * RINGS + coreLimits.committee)
    for (const peerId of probed) expect(core.state.links.has(peerId)).toBe(true)
  })

  test('accuses nobody who answers', () => {
    const core = rootAmong(6)
    expect(accused(core.pass(60_000))).toEqual([])
    expect(core.state.counters).toMatchObject({ missed: 0, suspicions: 0, verdicts: 0 })
    expect(core.state.counters.acks).toBeGreaterThan(100)
  })

  test('asks neighbours about one that does not answer, and does not accuse it when one of them reaches it', () => {
    const core = rootAmong(5, ['p0'])
    const effects = passHelped(core, 5_000, 'ack')
    const asked = sent(effects, 'probeRequest')
    expect(new Set(asked.map(({ message }) => message.target))).toEqual(new Set(['p0']))
    expect(asked.map(({ to }) => to)).not.toContain('p0')
    expect(accused(effects)).toEqual([])
    expect(core.state.registry.get('p0')).toBeDefined()
  })

  test('makes a connection anew that leaves probes unanswered while others reach the root', () => {
    const core = rootAmong(5, ['p0'])
    const effects = passHelped(core, (coreLimits.deaf + 2) * probe.interval, 'ack')
    expect(effects.filter(({ type }) => type === 'drop')).toEqual([{ type: 'drop', peerId: 'p0', deaf: true }])
    expect([...dialled(effects), ...dialled(passHelped(core, 1_000, 'ack'))]).toContain('p0')
  })

  test('accuses whoever answers neither it nor its neighbours, and tells it so', () => {
    const core = rootAmong(5, ['p0'])
    const effects = passHelped(core, probe.interval + probe.timeout + probe.indirect + 2 * batch, 'nack')
    expect(accused(effects)).toEqual(['p0'])
    expect(sent(effects, 'facts').some(({ to, message }) => to === 'p0' && message.facts[0]?.kind === 'suspect')).toBe(
      true,
    )
    expect(core.state.registry.get('p0')).toBeDefined()
  })

  test('takes an answer only from the root that was asked, or from a neighbour that was', () => {
    const core = rootAmong(3, ['p0', 'p1', 'p2'])
    let first: { to: string; message: { seq: number } } | undefined
    while (first === undefined && core.now < 10 * probe.interval) [first] = sent(core.pass(1), 'probe')
    if (first === undefined) throw new Error('no probe')
    const stranger = ['p0', 'p1', 'p2'].find((peerId) => peerId !== first.to) ?? ''
    core.hear(stranger, { type: 'ack', seq: first.message.seq, digest })
    expect(core.state.counters.acks).toBe(0)
    core.hear(first.to, { type: 'ack', seq: first.message.seq, digest })
    expect(core.state.counters.acks).toBe(1)
  })

  test('accuses nobody on waking, however long it was stopped', () => {
    const core = rootAmong(5)
    core.pass(1_000)
    for (let index = 0; index < 5; index++) core.silent.add(`p${index}`)
    // probes under way were answered meanwhile: the answers wait behind the timers
    const waiting = sent(core.pass(probe.timeout / 2), 'probe')
    core.now += 20_000
    const woken = [...core.state.timers.keys()].flatMap((name) => core.give({ type: 'timer', name }))
    core.silent.clear()
    for (const { to, message } of [...waiting, ...sent(woken, 'probe')])
      core.hear(to, { type: 'ack', seq: message.seq, digest })
    expect(accused([...woken, ...core.pass(5_000)])).toEqual([])
    expect(core.state.counters.lags).toBeGreaterThan(0)
  })

  test('gives others more time while it hears nobody, as the fault is probably its own', () => {
    const quiet = rootAmong(5, ['p0', 'p1', 'p2', 'p3', 'p4'])
    quiet.pass(5_000)
    expect(quiet.state.liveness.health.score).toBeGreaterThan(3)
    const before = quiet.state.counters.probes
    quiet.pass(8 * probe.interval)
    expect(quiet.state.counters.probes - before).toBeLessThan(2 * 5)
  })

  test('probes nobody when it leaves', () => {
    const core = rootAmong(3)
    core.give({ type: 'leave' })
    expect(sent(core.pass(5_000), 'probe')).toEqual([])
  })
})

describe('a child', () => {
  test('probes nobody, and is not probed', () => {
    const child = new CoreHarness(record('c', { parent: 'me' }))
    child.start()
    child.meet('me')
    expect(sent(child.pass(5_000), 'probe')).toEqual([])
    const parent = rootAmong(1)
    parent.meet('c', { parent: 'me' })
    expect(sent(parent.pass(5_000), 'probe').map(({ to }) => to)).not.toContain('c')
  })

  test('that is stopped stays: it is its parent’s to end', () => {
    const parent = rootAmong(1)
    parent.meet('c', { parent: 'me' })
    parent.silent.add('c')
    parent.pass(60_000)
    expect(parent.state.registry.get('c')).toBeDefined()
  })
})

describe('a neighbour that is asked', () => {
  test('answers probes with the same number', () => {
    const core = rootAmong(2)
    const [ack] = sent(core.hear('p0', { type: 'probe', seq: 77, digest }), 'ack')
    expect(ack).toMatchObject({ to: 'p0', message: { seq: 77 } })
  })

  test('tells whoever it holds for dead that it does', () => {
    const core = rootAmong(2)
    core.learn([endFact('p0')])
    const facts = sent(core.hear('p0', { type: 'probe', seq: 1, digest }), 'facts')
    expect(facts.flatMap(({ message }) => message.facts)).toMatchObject([{ kind: 'end', end: { peerId: 'p0' } }])
  })

  test('probes for another, and passes the answer on', () => {
    const core = rootAmong(3)
    const effects = core.hear('p0', { type: 'probeRequest', seq: 5, target: 'p1' })
    expect(sent(effects, 'probe').map(({ to }) => to)).toEqual(['p1'])
    expect(sent(effects, 'ack')).toMatchObject([{ to: 'p0', message: { seq: 5 } }])
  })

  test('says so in time when it gets no answer either', () => {
    const core = rootAmong(3, ['p1'])
    core.hear('p0', { type: 'probeRequest', seq: 5, target: 'p1' })
    const nacks = sent(core.pass(probe.indirect - 1), 'nack')
    expect(nacks).toEqual([{ to: 'p0', message: { type: 'nack', seq: 5 } }])
  })

  test('dials a root that it has no link to, once', () => {
    const core = rootAmong(2)
    core.learn([recordFact('zz')])
    core.state.dials.clear()
    expect(dialled(core.hear('p0', { type: 'probeRequest', seq: 5, target: 'zz' }))).toEqual(['zz'])
    expect(dialled(core.hear('p0', { type: 'probeRequest', seq: 6, target: 'zz' }))).toEqual([])
    const effects = core.give({ type: 'connected', peerId: 'zz' })
    expect(sent(effects, 'ack').map(({ message }) => message.seq)).toEqual([5, 6])
  })

  test(`does no more than ${coreLimits.relaysEach} things at a time for one neighbour, however much that asks for`, () => {
    const core = rootAmong(3)
    const effects = Array.from({ length: 200 }, (_, seq) =>
      core.hear('p0', { type: 'probeRequest', seq, target: 'p1' }),
    ).flat()
    expect(sent(effects, 'probe')).toHaveLength(coreLimits.relaysEach)
    expect(sent(effects, 'nack')).toHaveLength(200 - coreLimits.relaysEach)
    expect(core.state.liveness.relays.size).toBe(coreLimits.relaysEach)
    core.pass(probe.indirect)
    expect(core.state.liveness.relays.size).toBe(0)
  })

  test('does nothing for actors that are no roots, and dials none that are unknown', () => {
    const core = rootAmong(2)
    core.meet('c', { parent: 'me' })
    expect(core.hear('c', { type: 'probeRequest', seq: 1, target: 'p1' })).toEqual([])
    const effects = core.hear('p0', { type: 'probeRequest', seq: 2, target: 'nobody' })
    expect(effects).toEqual([{ type: 'send', to: 'p0', message: { type: 'nack', seq: 2 } }])
  })
})

test('a frozen root is gone within five seconds, in a mesh of two as in one of five', () => {
  for (const others of [1, 4]) {
    const core = rootAmong(others)
    core.pass(2_000)
    core.silent.add('p0')
    if (others > 1) {
      core.pass(600)
      // the others notice as well
      const accusation = { peerId: 'p0', inc: 1, rev: 0, by: 'p1', age: 0 }
      core.learn([
        { kind: 'suspect', accusation },
        { kind: 'suspect', accusation: { ...accusation, by: 'p2' } },
      ])
    }
    passHelped(core, 4_400 - grace, 'nack')
    expect(core.state.registry.get('p0'), `of ${others}`).toBeUndefined()
    expect(core.state.links.has('p0')).toBe(false)
    expect(core.state.counters.verdicts).toBe(1)
    expect(suspicion.min).toBeLessThan(4_400)
  }
})
