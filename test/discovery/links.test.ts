import { describe, expect, test } from 'vitest'
import type { DialOutcome } from '../../discovery/core/input.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import { profiles } from '../../discovery/profile.ts'
import { CoreHarness, dialled, endFact, events, published, record, recordFact, sent } from './support/core-harness.ts'

const { dialFallback, dialTimeout, grace, lostRetry } = profiles.loopback

function root(limits = {}): CoreHarness {
  const core = new CoreHarness(record('m'), limits)
  core.start()
  return core
}

/** Answers every dial of a peer in the same way until time is up; how often it was dialled. */
function answer(core: CoreHarness, peerId: string, outcome: DialOutcome, ms: number): number {
  let dials = 0
  for (const until = core.now + ms; core.now < until;) {
    if (core.state.dials.get(peerId)?.deadline !== undefined) {
      dials++
      core.give({ type: 'dialled', peerId, outcome })
    }
    core.pass(1)
  }
  return dials
}

describe('roots', () => {
  test('the lower peer id dials at once, the higher one only when that did not happen', () => {
    const core = root()
    expect(dialled(core.learn([recordFact('z')]))).toEqual(['z'])
    expect(dialled(core.learn([recordFact('a')]))).toEqual([])
    expect(dialled(core.pass(dialFallback))).toEqual(['a'])
  })

  test('whoever has connected is not dialled', () => {
    const core = root()
    core.learn([recordFact('a')])
    core.give({ type: 'connected', peerId: 'a' })
    expect(dialled(core.pass(10 * dialFallback))).toEqual([])
  })

  test('an eager hint is dialled at once whatever the peer id', () => {
    expect(dialled(root().give({ type: 'peers', peers: [{ peerId: 'a', addrs: ['/x'], eager: true }] }))).toEqual(['a'])
  })

  test(`at most ${coreLimits.dials} are dialled at a time`, () => {
    const core = root()
    const peers = Array.from({ length: 9 }, (_, index) => recordFact(`z${index}`))
    expect(dialled(core.learn(peers))).toHaveLength(coreLimits.dials)
    expect(dialled(core.give({ type: 'dialled', peerId: 'z0', outcome: 'failed' }))).toHaveLength(1)
  })

  test('a dial that is never answered is given up', () => {
    const core = root()
    core.learn([recordFact('z')])
    expect(dialled(core.pass(4 * dialTimeout))).toContain('z')
  })

  test('dials that fail become rarer and are no verdict while others reach the root', () => {
    const core = root()
    core.meet('helper')
    core.learn([recordFact('z')])
    let asked = 0
    let dials = 0
    for (const until = core.now + 30_000; core.now < until;) {
      dials += Number(core.state.dials.get('z')?.deadline !== undefined)
      const dial = core.state.dials.get('z')?.deadline !== undefined
      const effects = dial ? core.give({ type: 'dialled', peerId: 'z', outcome: 'failed' }) : core.pass(1)
      for (const { to, message } of sent(effects, 'probeRequest')) {
        asked++
        core.hear(to, { type: 'ack', seq: message.seq, digest: core.state.registry.digest })
      }
    }
    expect(dials).toBeLessThan(15)
    expect(asked).toBeGreaterThan(10)
    expect(core.state.registry.get('z')).toBeDefined()
  })

  test('a dial that is reached and stays without a stream is tried again, rarely', () => {
    const core = root()
    core.learn([recordFact('z')])
    const dials = answer(core, 'z', 'reached', 30_000)
    expect(dials).toBeGreaterThan(1)
    expect(dials).toBeLessThan(15)
  })
})

describe('a closed connection', () => {
  test('is verified by a redial, and is no verdict by itself', () => {
    const core = root()
    core.meet('z')
    expect(dialled(core.give({ type: 'disconnected', peerId: 'z' }))).toEqual(['z'])
    core.give({ type: 'connected', peerId: 'z' })
    core.pass(10_000)
    expect(core.state.registry.get('z')).toBeDefined()
  })

  test(`is a death when ${coreLimits.refusals} redials are refused within the grace`, () => {
    const core = root()
    core.meet('a')
    core.meet('z')
    core.learn([recordFact('z.child', { parent: 'z' })])
    core.give({ type: 'disconnected', peerId: 'z' })
    expect(answer(core, 'z', 'refused', grace)).toBe(coreLimits.refusals)
    expect(core.state.registry.get('z')).toBeUndefined()
    expect(core.state.registry.get('z.child')).toBeUndefined()
    expect(published(core.pass(100))).toContainEqual(endFact('z', { by: 'm' }))
  })

  test('one refusal among other outcomes is not enough', () => {
    const core = root()
    core.meet('z')
    core.give({ type: 'disconnected', peerId: 'z' })
    core.give({ type: 'dialled', peerId: 'z', outcome: 'refused' })
    core.pass(grace)
    core.give({ type: 'dialled', peerId: 'z', outcome: 'failed' })
    core.pass(grace)
    core.give({ type: 'dialled', peerId: 'z', outcome: 'refused' })
    expect(core.state.registry.get('z')).toBeDefined()
  })

  test('refusals of the address of an earlier life do not count against the new one', () => {
    const core = root()
    core.meet('z')
    core.give({ type: 'disconnected', peerId: 'z' })
    core.give({ type: 'dialled', peerId: 'z', outcome: 'refused' })
    core.pass(grace / 3 + 1)
    core.learn([recordFact('z', { inc: 2, addrs: ['/sim/z/2'] })])
    const again = core.give({ type: 'dialled', peerId: 'z', outcome: 'refused' })
    expect(again).toMatchObject([{ type: 'dial', addrs: ['/sim/z/2'] }, { type: 'setTimer' }])
    expect(core.state.dials.get('z')?.refusals).toBe(0)
  })

  test('to a child is not looked into: its process tells', () => {
    const core = root()
    core.meet('child', { parent: 'm' })
    expect(dialled(core.give({ type: 'disconnected', peerId: 'child' }))).toEqual([])
  })
})

describe('a root that was declared dead', () => {
  test('is dialled now and then, so that healed parts of a mesh find each other', () => {
    const core = root()
    core.learn([recordFact('z')])
    core.learn([endFact('z')])
    expect(dialled(core.pass(2 * lostRetry))).toContain('z')
  })

  test('is forgotten when nobody listens there, and when it said goodbye', () => {
    const core = root()
    core.learn([recordFact('z'), recordFact('y')])
    core.learn([endFact('z'), endFact('y', { state: 'left' })])
    expect([...core.state.lost.keys()]).toEqual(['z'])
    for (let round = 0; round < coreLimits.refusals; round++)
      core.give({ type: 'dialled', peerId: 'z', outcome: 'refused' })
    expect(core.state.lost.size).toBe(0)
  })

  test('is dialled the more rarely the more roots there are to do so, and few at a time', () => {
    const dialsIn = (others: number): number => {
      const core = root()
      for (let index = 0; index < others; index++) core.learn([recordFact(`k${index}`)])
      const lost = Array.from({ length: 20 }, (_, index) => `z${index}`)
      for (const peerId of lost) core.learn([recordFact(peerId), endFact(peerId)])
      const effects = core.pass(20 * lostRetry)
      expect(dialled(core.pass(0)).length).toBeLessThanOrEqual(coreLimits.lostDials)
      return dialled(effects).filter((peerId) => lost.includes(peerId)).length
    }
    expect(dialsIn(3)).toBeGreaterThan(30)
    expect(dialsIn(160)).toBeLessThan(25)
  })

  test('one of too many is forgotten', () => {
    const core = root({ lost: 1 })
    core.learn([recordFact('y'), recordFact('z')])
    core.learn([endFact('y'), endFact('z')])
    expect([...core.state.lost.keys()]).toEqual(['z'])
  })
})

describe('addresses told from outside', () => {
  const seed = (peerId: string) => ({ peerId, addrs: [`/x/${peerId}`], eager: true })

  test('one that refuses is given up at once, one that fails after some tries', () => {
    const core = root()
    core.give({ type: 'peers', peers: [seed('a'), seed('b')] })
    const refused = core.give({ type: 'dialled', peerId: 'a', outcome: 'refused' })
    expect(events(refused)).toEqual([{ type: 'seedLost', peerId: 'a', outcome: 'refused' }])
    expect(answer(core, 'b', 'failed', 60_000)).toBe(coreLimits.seedTries)
    expect(core.state.dials.size).toBe(0)
  })

  test('one that failed, perhaps for being cut off, is dialled now and then; one that refused is not', () => {
    const core = root()
    core.give({ type: 'peers', peers: [seed('a'), seed('b')] })
    core.give({ type: 'dialled', peerId: 'a', outcome: 'refused' })
    answer(core, 'b', 'failed', 60_000)
    expect([...core.state.lost.keys()]).toEqual(['b'])
  })

  test('one that was reached and lost before it told its record is dialled again', () => {
    const core = root()
    core.give({ type: 'peers', peers: [seed('a')] })
    core.give({ type: 'connected', peerId: 'a' })
    expect(dialled(core.give({ type: 'disconnected', peerId: 'a' }))).toEqual(['a'])
  })

  test('when all refuse, a root does not wait for them', () => {
    const core = new CoreHarness(record('m'))
    core.start(true)
    core.give({ type: 'peers', peers: [seed('a')] })
    const effects = core.give({ type: 'dialled', peerId: 'a', outcome: 'refused' })
    expect(events(effects).map(({ type }) => type)).toEqual(['seedLost', 'joined', 'stands', 'arbiter'])
  })

  test('more of them than fit are ignored', () => {
    const core = root()
    core.give({ type: 'peers', peers: Array.from({ length: 1_000 }, (_, index) => seed(`s${index}`)) })
    expect(core.state.dials.size).toBe(coreLimits.seeds)
  })

  test(`of a root that joins, only ${coreLimits.joinLinks} are needed: the rest waits for its first sync`, () => {
    const core = new CoreHarness(record('m'))
    core.start(true)
    core.give({ type: 'peers', peers: Array.from({ length: 20 }, (_, index) => seed(`s${index}`)) })
    let dials = coreLimits.dials
    for (let index = 0; index < coreLimits.joinLinks; index++) {
      dials += dialled(core.give({ type: 'connected', peerId: `s${index}` })).length
      dials += dialled(core.give({ type: 'dialled', peerId: `s${index}`, outcome: 'reached' })).length
    }
    expect(dials).toBeLessThanOrEqual(coreLimits.dials + coreLimits.joinLinks)
    expect(dialled(core.pass(100))).toEqual([])
    expect(dialled(core.pass(60_000)).length).toBeGreaterThan(0)
  })

  test('in a large mesh all wait for each other with one that appears: one dial is enough', () => {
    const core = root()
    for (let index = 0; index < 100; index++) core.learn([recordFact(`k${index}`)])
    core.state.dials.clear()
    const appears = { type: 'peers', peers: [{ peerId: 'z', addrs: ['/x/z'] }] } as const
    expect(dialled(core.give(appears))).toEqual([])
    core.learn([recordFact('z', { addrs: ['/x/z'] })])
    expect(dialled(core.pass(10_000)).includes('z')).toBe(core.state.liveness.rings.neighbours(() => []).has('z'))
    const small = root()
    expect(dialled(small.give(appears))).toEqual(['z'])
  })

  test('one of a later life is dialled when the former one is missed', () => {
    const core = root()
    core.meet('z')
    core.give({ type: 'disconnected', peerId: 'z' })
    core.give({ type: 'peers', peers: [{ peerId: 'z', addrs: ['/x/new'] }] })
    for (let refusal = 0; refusal < coreLimits.refusals; refusal++) {
      core.give({ type: 'dialled', peerId: 'z', outcome: 'refused' })
      core.pass(grace)
    }
    expect(core.state.registry.get('z')).toBeUndefined()
    expect(core.state.dials.get('z')?.addrs).toEqual(['/x/new'])
  })

  test('one that turns out to be a root of the mesh is a root like others', () => {
    const core = root()
    core.give({ type: 'peers', peers: [seed('z')] })
    core.learn([recordFact('z', { addrs: ['/x/z'] })])
    expect(core.state.dials.get('z')?.inc).toBe(1)
  })
})

describe('a child', () => {
  const child = () => {
    const core = new CoreHarness(record('c', { parent: 'm' }))
    core.start()
    return core
  }
  const hint = { type: 'peers', peers: [{ peerId: 'm', addrs: ['/x/m'] }] } as const

  test('dials its parent and nobody else', () => {
    const core = child()
    expect(dialled(core.give(hint))).toEqual(['m'])
    core.give({ type: 'connected', peerId: 'm' })
    expect(dialled(core.learn([recordFact('m'), recordFact('z'), recordFact('a')]))).toEqual([])
    expect(dialled(core.pass(60_000))).toEqual([])
  })

  test('dials its parent again when the connection closed, and never calls it dead', () => {
    const core = child()
    core.give(hint)
    core.give({ type: 'connected', peerId: 'm' })
    core.learn([recordFact('m')])
    expect(dialled(core.give({ type: 'disconnected', peerId: 'm' }))).toEqual(['m'])
    answer(core, 'm', 'refused', 5_000)
    expect(core.state.registry.get('m')).toBeDefined()
  })
})

test('whoever leaves dials nobody any more', () => {
  const core = root()
  core.meet('z')
  core.give({ type: 'leave' })
  expect(dialled(core.give({ type: 'disconnected', peerId: 'z' }))).toEqual([])
  expect(dialled(core.pass(60_000))).toEqual([])
  expect(sent(core.pass(10_000), 'prevote')).toEqual([])
})
