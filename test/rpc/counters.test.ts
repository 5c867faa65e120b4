import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ActorStats } from '../../node/actor-stats.ts'
import type { Host } from '../../node/host.ts'
import { moveOnAfter } from '../../node/scopes.ts'
import { LANE_PROTOCOL } from '../../rpc/protocol.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { framed } from './fixtures/frames.ts'
import {
  add,
  addLater,
  contextThatHangs,
  count,
  doubler,
  echo,
  events,
  flood,
  hang,
  notExposed,
  raise,
  resetStage,
  stage,
} from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage])
  ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(() => resetStage())
afterEach(async () => {
  await eventually('nothing is under way any more', async () => {
    const [here, there] = await Promise.all([statsOf(a), statsOf(b)])
    return here.made.inFlight === 0 && there.served.inFlight === 0 && there.streams.open === 0
  })
})

async function statsOf(actor: InProcessActor): Promise<ActorStats> {
  return await within('the stats', a.portalTo(actor).stats())
}

/** The counts that a piece of work adds: `served` by b, `made` by a. */
async function added(work: () => unknown): Promise<{ served: object; made: object; functions: Map<string, object> }> {
  const before = [await statsOf(b), await statsOf(a)] as const
  await work()
  const after = [await statsOf(b), await statsOf(a)] as const
  const of = new Map(before[0].functions.map((one) => [one.id, one]))
  const functions = after[0].functions
    .map((one) => [one.id, difference(of.get(one.id), one)] as const)
    .filter(([, { started }]) => started > 0)
  return {
    served: difference(before[0].served, after[0].served),
    made: difference(before[1].made, after[1].made),
    functions: new Map(functions),
  }
}

type Counts = Pick<ActorStats['served'], 'started' | 'succeeded' | 'failed' | 'cancelled' | 'inFlight'>

function difference(before: Counts | undefined, after: Counts): Counts {
  const minus = (key: keyof Counts): number => after[key] - (before?.[key] ?? 0)
  return {
    started: minus('started'),
    succeeded: minus('succeeded'),
    failed: minus('failed'),
    cancelled: minus('cancelled'),
    inFlight: minus('inFlight'),
  }
}

const counts = (part: Partial<Counts>): Counts => ({
  started: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  inFlight: 0,
  ...part,
})

describe('calls are counted on both sides, by how they end', () => {
  test('those that succeed, with their function', async () => {
    const portal = a.portalTo(b)
    const { served, made, functions } = await added(async () => {
      for (let i = 0; i < 5; i++) await portal.run(add, i, 1)
      await Promise.all([portal.run(addLater, 1, 2), portal.run(addLater, 1, 2)])
    })
    expect([served, made]).toEqual([counts({ started: 7, succeeded: 7 }), counts({ started: 7, succeeded: 7 })])
    expect(Object.fromEntries(functions)).toEqual({
      'stage#add': counts({ started: 5, succeeded: 5 }),
      'stage#addLater': counts({ started: 2, succeeded: 2 }),
    })
  })

  test('those that raise, and those that are refused, which belong to no function when there is none', async () => {
    const portal = a.portalTo(b)
    const refused = (await statsOf(b)).refused.calls
    const { served, made, functions } = await added(async () => {
      await portal.run(raise, 'range').catch(() => {})
      await portal.call('stage#nobody').catch(() => {})
      await portal.call('film#nobody').catch(() => {})
      await portal.call('stage#count', 1).catch(() => {})
    })
    expect([served, made]).toEqual([counts({ started: 4, failed: 4 }), counts({ started: 4, failed: 4 })])
    expect([...functions.keys()].toSorted()).toEqual(['stage#count', 'stage#raise'])
    expect((await statsOf(b)).refused.calls - refused).toBe(3)
  })

  test('what is refused before it is sent is no call', async () => {
    const { made, served } = await added(async () => {
      const portal = a.portalTo(b)
      expect(() => portal.run(notExposed)).toThrow(/expose/)
      await portal.run(echo, () => {}).catch(() => {})
    })
    expect([made, served]).toEqual([counts({}), counts({})])
  })

  test('those under way are in flight, then cancelled', async () => {
    const portal = a.portalTo(b)
    let during: ActorStats | undefined
    const { served, made } = await added(async () => {
      await moveOnAfter(50, async () => {
        const hanging = portal.run(hang)
        await eventually('it runs', () => events.length === 1)
        during = await statsOf(b)
        await hanging
      })
    })
    expect(during!.served.inFlight).toBe(1)
    expect(during!.functions.find(({ id }) => id === 'stage#hang')).toMatchObject({ inFlight: 1, kind: 'value' })
    expect([served, made]).toEqual([counts({ started: 1, cancelled: 1 }), counts({ started: 1, cancelled: 1 })])
  })

  test('those of an actor to itself', async () => {
    const before = (await statsOf(a)).served
    await a.portalTo(a).run(add, 1, 2)
    expect(difference(before, (await statsOf(a)).served)).toEqual(counts({ started: 1, succeeded: 1 }))
  })

  test('those whose actor cannot be reached have failed', async () => {
    const before = (await statsOf(a)).made
    const nobody = a.rpc.portal({ name: 'nobody', id: b.id.replace(/.$/, 'x'), addresses: ['/ip4/127.0.0.1/tcp/1'] })
    await expect(within('the call', nobody.run(add, 1, 2))).rejects.toThrow(/nobody/)
    expect(difference(before, (await statsOf(a)).made)).toEqual(counts({ started: 1, failed: 1 }))
  })
})

describe('streams', () => {
  test('their items are counted while they are open and after they are closed, and so are their calls', async () => {
    const [before, beforeHere] = [await statsOf(b), await statsOf(a)]
    const portal = a.portalTo(b)
    let items = 0
    const flooding = portal.run(flood)
    let during = before
    for await (const _ of flooding) {
      items += 1
      if (items < 2_000) continue
      during = await statsOf(b)
      break
    }
    expect(during.streams.open).toBe(before.streams.open + 1)
    expect(during.streams.itemsSent - before.streams.itemsSent).toBeGreaterThanOrEqual(2_000)
    for await (const _ of portal.run(count, 500)) items += 1
    await eventually('they are closed', async () => (await statsOf(b)).streams.open === before.streams.open)
    const [after, afterHere] = [await statsOf(b), await statsOf(a)]
    expect(afterHere.streams.itemsReceived - beforeHere.streams.itemsReceived).toBeGreaterThanOrEqual(items)
    expect(after.streams.itemsSent - before.streams.itemsSent).toBeGreaterThanOrEqual(items)
    expect(difference(before.served, after.served)).toEqual(counts({ started: 2, succeeded: 1, cancelled: 1 }))
    expect(after.functions.find(({ id }) => id === 'stage#flood')).toMatchObject({ kind: 'stream', cancelled: 1 })
  })

  test('contexts count in both directions', async () => {
    const before = await statsOf(b)
    {
      await using context = await a.portalTo(b).openContext(doubler)
      const stream = context.stream()
      for (const value of [1, 2, 3]) await stream.send(value)
      stream.end()
      expect(await context.result()).toBe(3)
      await using hanging = await a.portalTo(b).openContext(contextThatHangs)
      expect(hanging.started).toBeUndefined()
    }
    await eventually('they are closed', async () => (await statsOf(b)).streams.open === before.streams.open)
    const { streams, served } = await statsOf(b)
    expect(streams.itemsReceived - before.streams.itemsReceived).toBe(3)
    expect(streams.itemsSent - before.streams.itemsSent).toBe(3)
    expect(difference(before.served, served)).toEqual(counts({ started: 2, succeeded: 1, cancelled: 1 }))
  })
})

test('latencies are those of the calls: from the request to its answer', async () => {
  const portal = a.portalTo(b)
  const before = (await statsOf(b)).served.latency.count
  await moveOnAfter(60, async () => await portal.run(hang, 'slow'))
  const { functions, served } = await statsOf(b)
  const slow = functions.find(({ id }) => id === 'stage#hang')!
  expect(slow.latency.maxUs).toBeGreaterThan(40_000)
  expect(slow.latency.maxUs).toBeLessThan(20_000_000)
  expect(slow.latency.p50Us).toBeLessThanOrEqual(slow.latency.maxUs)
  expect(served.latency.count).toBe(before + 1)
  expect(served.latency.buckets.reduce((sum, [, n]) => sum + n, 0)).toBe(served.latency.count)
})

test('bytes are those that lanes and streams carry', async () => {
  const size = 100_000
  const [before, beforeHere] = [await statsOf(b), await statsOf(a)]
  await a.portalTo(b).run(echo, new Uint8Array(size))
  const [after, afterHere] = [await statsOf(b), await statsOf(a)]
  for (const more of [
    after.bytes.received - before.bytes.received,
    after.bytes.sent - before.bytes.sent,
    afterHere.bytes.received - beforeHere.bytes.received,
    afterHere.bytes.sent - beforeHere.bytes.sent,
  ]) {
    expect(more).toBeGreaterThanOrEqual(size)
    // what reading the counters costs included
    expect(more).toBeLessThan(size * 1.5)
  }
})

test('breaches of the protocol are counted', async () => {
  const hostile: Host = await mesh.rawHost()
  const before = (await statsOf(b)).refused.protocolErrors
  const connection = await hostile.connect(b.id, b.target.addresses)
  const stream = await connection.newStream(LANE_PROTOCOL)
  stream.send(framed('no frame'))
  await eventually('it is counted', async () => (await statsOf(b)).refused.protocolErrors === before + 1)
  await hostile.stop()
})

test('they travel as they are, and can be kept as JSON', async () => {
  const stats = await statsOf(b)
  expect(JSON.parse(JSON.stringify(stats))).toEqual(stats)
  expect(structuredClone(stats)).toEqual(stats)
  expect(Date.now() - stats.since).toBeGreaterThanOrEqual(stats.uptimeMs - 1)
})
