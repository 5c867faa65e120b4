import { describe, expect, test } from 'vitest'
import { MAX_STRETCH } from '../../discovery/core/health.ts'
import { CONFIRMATIONS } from '../../discovery/core/suspicion.ts'
import type { Fact } from '../../discovery/core/fact.ts'
import { profiles } from '../../discovery/profile.ts'
import { CoreHarness, endFact, events, published, record, recordFact, sent } from './support/core-harness.ts'

const { batch, probe, suspicion } = profiles.loopback

function suspect(peerId: string, by: string, fields: { inc?: number; rev?: number } = {}): Fact {
  return { kind: 'suspect', accusation: { peerId, inc: 1, rev: 0, by, age: 0, ...fields } }
}

/** A root that watches `p0`, which answers nobody, among five others that can confirm it. */
function watcher(): CoreHarness {
  const core = new CoreHarness(record('me'))
  core.start()
  core.silent.add('p0')
  for (let index = 0; index < 6; index++) core.meet(`p${index}`)
  return core
}

/** Lets time pass until `p0` is accused; its helpers answer that they do not reach it either. */
function untilAccused(core: CoreHarness): void {
  const from = core.now
  while (core.state.liveness.suspicions.get('p0')?.own !== true && core.now < from + 5_000) passHelped(core, 10)
}

function passHelped(core: CoreHarness, ms: number): void {
  for (const until = core.now + ms; core.now < until;)
    for (const { to, message } of sent(core.pass(Math.min(10, until - core.now)), 'probeRequest'))
      core.hear(to, { type: 'nack', seq: message.seq })
}

/** Milliseconds from the first accusation to the verdict when so many others confirm it at once. */
function timeToVerdict(confirmations: number): number {
  const core = watcher()
  untilAccused(core)
  const from = core.now
  core.learn(Array.from({ length: confirmations }, (_, index) => suspect('p0', `p${index + 1}`)))
  while (core.state.registry.get('p0') !== undefined && core.now < from + 60_000) passHelped(core, 10)
  return core.now - from
}

describe('a suspicion', () => {
  test('lasts longest with one accuser, shorter with each one more, and shortest with all that count', () => {
    const times = Array.from({ length: CONFIRMATIONS + 2 }, (_, confirmations) => timeToVerdict(confirmations))
    expect(times[0]).toBeGreaterThanOrEqual(suspicion.max - 20)
    expect(times[0]).toBeLessThanOrEqual(suspicion.max + 100)
    for (let index = 1; index <= CONFIRMATIONS; index++)
      expect(times[index]).toBeLessThan((times[index - 1] ?? 0) - 500)
    expect(times[CONFIRMATIONS]).toBeGreaterThanOrEqual(suspicion.min - 20)
    expect(times[CONFIRMATIONS]).toBeLessThanOrEqual(suspicion.min + 100)
    expect(times[CONFIRMATIONS + 1]).toBe(times[CONFIRMATIONS])
  })

  test('is told to the suspect as soon as there is a link to it again', () => {
    const core = watcher()
    untilAccused(core)
    core.give({ type: 'disconnected', peerId: 'p0' })
    const told = sent(core.give({ type: 'connected', peerId: 'p0' }), 'facts').filter(({ to }) => to === 'p0')
    expect(told.flatMap(({ message }) => message.facts)).toMatchObject([
      { kind: 'suspect', accusation: { peerId: 'p0', by: 'me' } },
    ])
  })

  test('says nothing of who is shown: a suspect can be found until the verdict', () => {
    const core = watcher()
    untilAccused(core)
    expect(core.state.registry.find('name of p0')).toHaveLength(1)
  })

  test('ends with a higher revision of its owner, and with nothing else', () => {
    const core = watcher()
    untilAccused(core)
    core.learn([recordFact('p0', { seq: 9 })])
    expect(core.state.liveness.suspicions.has('p0')).toBe(true)
    core.learn([recordFact('p0', { rev: 1 })])
    expect(core.state.liveness.suspicions.has('p0')).toBe(false)
    expect(core.state.counters.falseSuspicions).toBe(1)
  })

  test('of many accusers counts each once, and none that is no root or speaks of itself', () => {
    const core = watcher()
    core.meet('c', { parent: 'p1' })
    const accusers = () => [...(core.state.liveness.suspicions.get('p0')?.accusers ?? [])].sort()
    core.learn([suspect('p0', 'p1'), suspect('p0', 'p1'), suspect('p0', 'p0'), suspect('p0', 'c'), suspect('p0', 'x')])
    expect(accusers()).toEqual(['p1'])
    core.learn(Array.from({ length: 4 }, (_, index) => suspect('p0', `p${index + 1}`)))
    expect(accusers()).toEqual(['p1', 'p2', 'p3', 'p4'])
  })

  test('of an earlier or a later life is not one of this', () => {
    const core = watcher()
    core.learn([recordFact('p1', { rev: 3 })])
    const replies = sent(core.learn([suspect('p1', 'p2', { rev: 2 })], 'p2', 'stream'), 'facts')
    core.learn([suspect('p1', 'p2', { rev: 4 }), suspect('p1', 'p2', { inc: 2 })])
    expect(core.state.liveness.suspicions.has('p1')).toBe(false)
    // who speaks of an earlier one gets the record that it missed
    expect(replies).toMatchObject([
      { to: 'p2', message: { facts: [{ kind: 'record', known: { record: { rev: 3 } } }] } },
    ])
  })

  test('that was only heard of is no verdict, however long it lasts', () => {
    const core = watcher()
    core.silent.clear()
    core.learn([1, 2, 3, 4].map((index) => suspect('p0', `p${index}`)))
    core.pass(2 * suspicion.max)
    expect(core.state.registry.get('p0')).toBeDefined()
    expect(core.state.liveness.suspicions.size).toBe(0)
  })

  test('is told to the suspect by everybody that has a link to it, and again with each probe', () => {
    const core = watcher()
    const told = (effects: ReturnType<CoreHarness['pass']>) =>
      sent(effects, 'facts').filter(({ to, message }) => to === 'p1' && message.facts[0]?.kind === 'suspect').length
    expect(told(core.learn([suspect('p1', 'p2')]))).toBe(1)
    expect(told(core.pass(4 * probe.interval))).toBeGreaterThanOrEqual(3)
    expect(told(core.hear('p1', { type: 'probe', seq: 3, digest: { count: 0, sums: [0, 0] } }))).toBe(1)
  })

  test('is not kept by children, which watch nobody', () => {
    const child = new CoreHarness(record('c', { parent: 'me' }))
    child.start()
    child.meet('me')
    child.learn([recordFact('p0'), recordFact('p1'), suspect('p0', 'p1')])
    expect(child.state.liveness.suspicions.size).toBe(0)
  })
})

describe('a verdict', () => {
  test('that another registry tells of counts as a suspicion, of which its owner hears', () => {
    const core = watcher()
    core.learn([recordFact('far')])
    core.state.links.delete('far')
    const effects = [...core.learn([endFact('far', { by: 'p9' })], 'p1', 'stream'), ...core.pass(batch)]
    expect(core.state.registry.get('far')).toBeDefined()
    expect(published(effects)).toContainEqual(suspect('far', 'p9'))
    core.learn([recordFact('far', { rev: 1 })])
    core.pass(4 * suspicion.max)
    expect(core.state.registry.get('far')).toBeDefined()
  })

  test('that another registry tells of comes true when nobody refutes it', () => {
    const core = watcher()
    core.learn([recordFact('far')])
    core.learn([endFact('far', { by: 'p9' })], 'p1', 'stream')
    core.pass(suspicion.min + 5 * batch)
    expect(core.state.registry.get('far')).toBeUndefined()
  })

  test('of somebody who is called dead is only a suspicion: one that hears nobody thinks that it is alone', () => {
    const core = watcher()
    core.learn([endFact('p5', { by: 'p1' })])
    core.learn([endFact('p1', { by: 'p5' })])
    expect(core.state.registry.get('p1')).toBeDefined()
    expect(core.state.liveness.suspicions.get('p1')?.verdict).toBe(true)
  })

  test('by gossip of a living root is one', () => {
    const core = watcher()
    core.learn([endFact('p1', { by: 'p2' })])
    expect(core.state.registry.get('p1')).toBeUndefined()
  })

  test('that was wrong is counted', () => {
    const core = watcher()
    untilAccused(core)
    passHelped(core, suspicion.max + 100)
    expect(core.state.registry.get('p0')).toBeUndefined()
    core.learn([recordFact('p0', { rev: 1 })])
    expect(core.state.counters).toMatchObject({ verdicts: 1, falseVerdicts: 1 })
  })
})

describe('whoever is accused', () => {
  test('refutes it with a higher revision, once', () => {
    const core = watcher()
    const effects = core.learn([suspect('me', 'p1'), suspect('me', 'p2')])
    expect(events(effects)).toContainEqual({ type: 'accused', by: 'p1' })
    expect(core.state.own?.record).toMatchObject({ inc: 1, rev: 1 })
    expect(published(core.pass(batch))).toMatchObject([{ kind: 'record', known: { record: { rev: 1 } } }])
    core.learn([suspect('me', 'p3')])
    expect(core.state.own?.record.rev).toBe(1)
  })

  test('waits with it until it is answered again: what others say of it is right', () => {
    const core = watcher()
    core.silent.clear()
    for (let index = 0; index < 6; index++) core.silent.add(`p${index}`)
    core.pass(15_000)
    expect(core.state.liveness.health.cutOff).toBe(true)
    core.learn([suspect('me', 'p1')])
    expect(core.state.own?.record.rev).toBe(0)
    core.silent.clear()
    for (let index = 0; index < 6; index++) core.meet(`p${index}`, { rev: 1 })
    core.pass(MAX_STRETCH * 4 * probe.interval)
    expect(core.state.own?.record.rev).toBe(1)
  })

  test('is out the longer the more often it is cut off', () => {
    const core = watcher()
    core.silent.clear()
    const timesBack: number[] = []
    for (let round = 0; round < 4; round++) {
      for (let index = 0; index < 6; index++) core.silent.add(`p${index}`)
      while (!core.state.liveness.health.cutOff && core.now < 1_000_000) core.pass(100)
      core.silent.clear()
      for (let index = 0; index < 6; index++) core.meet(`p${index}`, { rev: 2 * round + 1 })
      const from = core.now
      while (core.state.liveness.health.cutOff && core.now < 1_000_000) core.pass(100)
      timesBack.push(core.now - from)
    }
    expect(timesBack[1]).toBeGreaterThan((timesBack[0] ?? 0) + suspicion.max / 3)
    expect(timesBack[3]).toBeGreaterThan((timesBack[0] ?? 0) + (suspicion.max * 2) / 3)
    expect(timesBack[3]).toBeLessThan(3 * suspicion.max)
  })
})
