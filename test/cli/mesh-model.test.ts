import { describe, expect, test } from 'vitest'
import { busiest } from '../../cli/commands/top.ts'
import { latencyBetween } from '../../cli/model/latency-between.ts'
import { REPEAT_MS } from '../../cli/model/repeats.ts'
import { MAX_MODEL_EVENTS, MAX_MODEL_GONE, MeshModel } from '../../cli/model/mesh-model.ts'
import { ratesBetween } from '../../cli/model/rates.ts'
import type { ActorVitals, MemberSnapshot } from '../../index.ts'

function member(name: string, parent: string | null = null, root = parent ?? name): MemberSnapshot {
  const nothing = { addresses: [], modules: [], tags: [], groups: [], version: null, refutations: 0, changes: 0 }
  return { ...nothing, name, id: name, parent, root, status: 'up', incarnation: 1, linked: true }
}

/** An actor that has served so many calls, each of them in 100 µs, after so many milliseconds. */
function vitals(uptimeMs: number, calls: number, since = 0): ActorVitals {
  const latency = { count: calls, meanUs: 100, p50Us: 100, p90Us: 100, p99Us: 100, maxUs: 100, buckets: [[100, calls]] }
  const served = { started: calls, succeeded: calls, failed: 0, cancelled: 0, inFlight: 0, latency }
  const made = { ...served, started: 0, latency: { ...latency, buckets: [] } }
  const stats = {
    since,
    uptimeMs,
    served,
    made,
    functions: [],
    bytes: { received: calls * 10, sent: 0 },
    streams: { open: 0, itemsReceived: 0, itemsSent: 0 },
    refused: { calls: 0, streams: 0, protocolErrors: 0, peersDropped: 0 },
  }
  const process = {
    host: 'h',
    pid: 1,
    cpu: { share: calls / 1_000 },
    memory: { rssBytes: 1 },
    eventLoop: { utilization: 0, delayMs: null },
  }
  return { ...process, stats } as unknown as ActorVitals
}

describe('rates', () => {
  test('are differences of counters over the time between two readings', () => {
    expect(ratesBetween(vitals(1_000, 50), vitals(3_000, 150))).toMatchObject({
      overMs: 2_000,
      served: 50,
      made: 0,
      bytesIn: 500,
    })
  })

  test('are unknown for another life of the actor, and for readings that are too near to each other', () => {
    expect(ratesBetween(vitals(1_000, 50), vitals(3_000, 150, 7))).toBeUndefined()
    expect(ratesBetween(vitals(1_000, 50), vitals(1_010, 60))).toBeUndefined()
  })

  test('latencies are of the calls in between alone', () => {
    const before = { buckets: [[10, 100]] as [number, number][] }
    const after = {
      buckets: [
        [10, 100],
        [50, 1],
        [90, 99],
      ] as [number, number][],
    }
    expect(latencyBetween(before, after)).toEqual({ count: 100, p50Us: 90, p99Us: 90 })
    expect(latencyBetween(after, after)).toBeNull()
    expect(latencyBetween(after, before)).toBeNull()
  })
})

describe('the model of a mesh', () => {
  test('puts actors below their roots, with the rates of each tree', () => {
    const model = new MeshModel()
    model.takeMembers([member('a'), member('b'), member('c', 'a'), member('d', 'c', 'a')], null, 0)
    for (const id of ['a', 'c']) {
      model.takeVitals(id, vitals(1_000, 0), 1)
      model.takeVitals(id, vitals(2_000, 30), 2)
    }
    const [first, second] = model.hosts()
    expect(first?.actors.map(({ actor, depth }) => `${depth} ${actor.member.name}`)).toEqual(['0 a', '1 c', '2 d'])
    expect(first?.rates).toEqual({ served: 60, made: 0, failed: 0 })
    expect(second?.actors).toHaveLength(1)
  })

  test('keeps what is known of an actor while it is the same life, and forgets it with another', () => {
    const model = new MeshModel()
    model.takeMembers([member('a')], null, 0)
    model.takeVitals('a', vitals(1_000, 10), 1)
    model.takeMembers(
      [member('a')],
      { name: 'a', id: 'a', term: 1, incarnation: 1, self: false, provisional: false },
      2,
    )
    expect(model.actor('a')).toMatchObject({ arbiter: true, vitals: { pid: 1 } })
    model.takeMembers([{ ...member('a'), incarnation: 2 }], null, 3)
    expect(model.actor('a')).toMatchObject({ arbiter: false, vitals: undefined, askedAt: 0 })
    model.takeSilence('a', 'no answer', 4)
    expect(model.actor('a')).toMatchObject({ silent: 'no answer', askedAt: 4 })
    model.takeVitals('unknown', vitals(1, 1), 5)
    expect(model.actor('unknown')).toBeUndefined()
  })

  test('remembers who is gone once, with the best reason that is known', () => {
    const model = new MeshModel()
    const actor = { name: 'c', id: 'c' }
    model.takeMembers([member('a'), member('c', 'a')], null, 0)
    model.takeMembers([member('a')], null, 1)
    expect(model.gone).toMatchObject([{ name: 'c', at: 1, why: 'it is not there any more' }])
    model.takeEvent({
      at: 2,
      actor: { name: 'a', id: 'a' },
      seq: 1,
      type: 'ended',
      child: actor,
      kind: 'actor',
      outcome: 'failed',
      why: 'RangeError: far',
    })
    model.takeEvent({
      at: 3,
      type: 'down',
      actor: { ...member('c'), parent: 'a', version: undefined },
      why: 'dead',
      by: undefined,
      seenBy: { name: 'a', id: 'a' },
    })
    expect(model.gone).toMatchObject([{ name: 'c', at: 2, why: 'it failed: RangeError: far' }])
  })

  test('keeps of events that repeat each other the latest, and how often: a crash loop leaves the rest in sight', () => {
    const model = new MeshModel()
    const actor = { name: 'a', id: 'a' }
    const fails = (at: number, child: string, why = `ActorDied: it (id${at}) died: RangeError: far`): void =>
      model.takeEvent({
        at,
        actor,
        seq: at,
        type: 'restarting',
        child: { name: child, id: `${child}${at}` },
        why,
        delayMs: 1,
      })
    model.takeEvent({ at: 0, type: 'stands', term: 1, seenBy: actor })
    for (let i = 1; i <= 2 * MAX_MODEL_EVENTS; i++) fails(i, i % 2 === 0 ? 'even' : 'odd')
    fails(5, 'even')
    fails(2 * MAX_MODEL_EVENTS + 1, 'even', 'TypeError: near')
    expect(model.events.map(({ type, at }) => [type, at])).toEqual([
      ['stands', 0],
      ['restarting', 2 * MAX_MODEL_EVENTS - 1],
      ['restarting', 2 * MAX_MODEL_EVENTS],
      ['restarting', 2 * MAX_MODEL_EVENTS + 1],
    ])
    expect(model.events.map((event) => model.repeat(event))).toEqual([
      undefined,
      { times: MAX_MODEL_EVENTS, since: 1 },
      { times: MAX_MODEL_EVENTS + 1, since: 2 },
      undefined,
    ])
    expect(model.gone.every(({ why }) => why.endsWith('; it is started again'))).toBe(true)
    fails(2 * MAX_MODEL_EVENTS + 2 + REPEAT_MS, 'even')
    expect(model.events).toHaveLength(5)
    expect(model.copy().repeat(model.events[1]!)).toEqual({ times: MAX_MODEL_EVENTS, since: 1 })
  })

  test('is bounded whatever happens', () => {
    const model = new MeshModel()
    for (let i = 0; i < MAX_MODEL_EVENTS + 10; i++)
      model.takeEvent({
        at: i,
        type: 'down',
        actor: { ...member(`x${i}`), parent: undefined, version: undefined },
        why: 'left',
        by: undefined,
        seenBy: { name: 'a', id: 'a' },
      })
    expect(model.events).toHaveLength(MAX_MODEL_EVENTS)
    expect(model.events[0]?.at).toBe(10)
    expect(model.gone).toHaveLength(MAX_MODEL_GONE)
    expect(model.gone[0]?.name).toBe(`x${MAX_MODEL_EVENTS + 9}`)
  })
})

test('top sorts by what is asked for, those that do not answer last', () => {
  const model = new MeshModel()
  model.takeMembers([member('idle'), member('busy'), member('mute')], null, 0)
  for (const [id, calls] of [
    ['idle', 1],
    ['busy', 900],
  ] as const) {
    model.takeVitals(id, vitals(1_000, 0), 1)
    model.takeVitals(id, vitals(2_000, calls), 2)
  }
  model.takeSilence('mute', 'no answer', 2)
  const names = (order: 'calls' | 'cpu'): string[] => busiest(model.actors, order).map(({ name }) => name)
  expect(names('calls')).toEqual(['busy', 'idle', 'mute'])
  expect(names('cpu')).toEqual(['busy', 'idle', 'mute'])
  expect(busiest(model.actors, 'calls').at(-1)).toMatchObject({ servedPerS: null, silent: 'no answer' })
})
