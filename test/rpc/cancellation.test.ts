import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { Cancelled, DeadlineExceeded } from '../../node/errors.ts'
import { cancelScope, failAfter, moveOnAfter, sleep } from '../../node/scopes.ts'
import { eventually } from '../support/eventually.ts'
import { deadline } from '../support/headroom.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import {
  add,
  cancelledHere,
  contextThatHangs,
  deaf,
  events,
  flood,
  gate,
  hang,
  hangAlong,
  hangOnSignal,
  neverStartsAndHangs,
  once,
  portals,
  remaining,
  remainingAlong,
  resetStage,
  stage,
} from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage], 3)
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

const begun = async (event: string): Promise<unknown> =>
  await eventually(`${event} on stage`, () => events.includes(event))

describe('a cancelled call has stopped in the other actor when it rejects', () => {
  test('by the scope: its finally has run, and the scope absorbs its own cancel', async () => {
    const result = await within(
      'the scope',
      cancelScope(async (scope) => {
        void begun('hang began').then(() => scope.cancel(new Cancelled('donny', 'enough')))
        await a.portalTo(b).run(hang)
      }),
    )
    expect(result.cancelled).toBe(true)
    expect(events).toEqual(['hang began', 'hang cleaned up: donny'])
  })

  test('by a timeout around it', async () => {
    const { cancelled } = await within(
      'the call',
      moveOnAfter(50, async () => await a.portalTo(b).run(hang)),
    )
    expect(cancelled).toBe(true)
    expect(events).toHaveLength(2)
  })

  test('by failAfter, which throws its own error', async () => {
    const late = failAfter(50, async () => await a.portalTo(b).run(hang))
    await expect(within('the call', late)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', ms: 50 })
    expect(events).toHaveLength(2)
  })

  test('by a signal: the call rejects with the reason of the signal', async () => {
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const call = a.portalTo(b).with({ signal: controller.signal }).run(hang)
    await begun('hang began')
    controller.abort(reason)
    await expect(within('the call', call)).rejects.toBe(reason)
    expect(events).toHaveLength(2)
  })

  test('by a time limit of the portal: the call rejects with DeadlineExceeded', async () => {
    const call = a.portalTo(b).with({ timeout: 50 }).run(hang)
    await expect(within('the call', call)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', ms: 50 })
    await expect(call).rejects.toBeInstanceOf(DeadlineExceeded)
    await expect(call).rejects.toThrow('not done within 50 ms, while calling stage#hang in b')
    await expect(call).rejects.toMatchObject({ stack: expect.stringMatching(/at .*cancellation\.test\.ts/) })
    expect(events).toHaveLength(2)
  })

  test('by a function that waits with a signal of the platform', async () => {
    const { cancelled } = await within(
      'the call',
      moveOnAfter(50, async () => await a.portalTo(b).run(hangOnSignal)),
    )
    expect(cancelled).toBe(true)
  })

  test('in an actor that calls itself', async () => {
    const { cancelled } = await within(
      'the call',
      moveOnAfter(50, async () => await a.portalTo(a).run(hang)),
    )
    expect([cancelled, events.length]).toEqual([true, 2])
  })

  test('through a chain of three actors, the last one first', async () => {
    portals.set('c', b.portalTo(c))
    const scope = new CancelScope()
    const call = scope.run(async () => await a.portalTo(b).run(hangAlong, ['c']))
    await begun('end began')
    scope.cancel(new Cancelled('donny', 'enough'))
    await expect(within('the call', call)).rejects.toBe(scope.reason)
    expect(events).toEqual(['end began', 'end cleaned up: donny', 'before c let go'])
  })

  test('a hundred at once', async () => {
    const scope = new CancelScope()
    const calls = Array.from({ length: 100 }, async (_, i) =>
      scope.run(async () => await a.portalTo(b).run(hang, `hang ${i}`)),
    )
    await begun('hang 99 began')
    scope.cancel('enough')
    const results = await within('all calls', Promise.allSettled(calls))
    for (const result of results) expect(result).toEqual({ status: 'rejected', reason: scope.reason })
    expect(events.filter((event) => event.includes('cleaned up'))).toHaveLength(100)
  })
})

describe('streams and contexts', () => {
  test('a signal ends a stream with its reason, and the producer has cleaned up by then', async () => {
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const reading = (async () => {
      for await (const _ of a.portalTo(b).with({ signal: controller.signal }).run(once)) controller.abort(reason)
    })()
    await expect(within('the loop', reading)).rejects.toBe(reason)
    expect(events).toEqual(['once cleaned up'])
  })

  test('a time limit of the portal ends a stream with DeadlineExceeded', async () => {
    // long enough for the stream to begin, on this machine
    const timeout = deadline(50)
    const reading = (async () => {
      for await (const _ of a.portalTo(b).with({ timeout }).run(flood));
    })()
    await expect(within('the loop', reading)).rejects.toThrow(
      `not done within ${timeout} ms, while calling stage#flood in b`,
    )
    expect(events).toEqual(['flood cleaned up'])
  })

  test('a time limit ends a context: its result rejects with DeadlineExceeded, and its stream as well', async () => {
    await using context = await a.portalTo(b).with({ timeout: 100 }).openContext(contextThatHangs)
    const reading = context.stream()[Symbol.asyncIterator]().next()
    await expect(within('the stream', reading)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await expect(within('the result', context.result())).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', ms: 100 })
    expect(events).toEqual(['context began', expect.stringContaining('context cleaned up')])
  })
})

describe('who cancelled', () => {
  test('a cancel that somebody made in the other actor raises, and says who and why', async () => {
    const call = moveOnAfter(60_000, async () => await a.portalTo(b).run(cancelledHere))
    await expect(within('the call', call)).rejects.toMatchObject({
      code: 'REMOTE_ACTOR_ERROR',
      cause: { code: 'CANCELLED', by: 'the stage manager', why: 'fire alarm' },
    })
  })

  test('the remote task hears who asked for its cancel', async () => {
    const scope = new CancelScope()
    const call = scope.run(async () => await a.portalTo(b).run(hang))
    await begun('hang began')
    scope.cancel(new Cancelled('walter', 'over the line'))
    await call.catch(() => {})
    expect(events[1]).toBe('hang cleaned up: walter')
  })

  test('a call that was never made because its signal was aborted before rejects with the reason', async () => {
    const reason = new Error('before')
    const call = a
      .portalTo(b)
      .with({ signal: AbortSignal.abort(reason) })
      .run(hang)
    await expect(within('the call', call)).rejects.toBe(reason)
    expect(events).toEqual([])
  })
})

describe('bounds', () => {
  test('a task that hears nothing is left after the bound, and later calls are not affected', async () => {
    const started = performance.now()
    const { cancelled } = await moveOnAfter(20, async () => await a.portalTo(b).run(deaf))
    expect(cancelled).toBe(true)
    expect(performance.now() - started).toBeLessThan(deadline(2_000))
    expect(await a.portalTo(b).run(add, 1, 2)).toBe(3)
    gate.resolve()
    await begun('deaf ended')
    expect(await a.portalTo(b).run(add, 1, 2)).toBe(3)
  })

  test('10,000 calls with a scope, a signal and a timeout each leave no listener behind', async () => {
    const controller = new AbortController()
    const portal = a.portalTo(b).with({ signal: controller.signal, timeout: 60_000 })
    for (let i = 0; i < 100; i++)
      await moveOnAfter(60_000, async () => {
        await Promise.all(Array.from({ length: 100 }, async () => await portal.run(add, 1, 1)))
      })
    const { getEventListeners } = await import('node:events')
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  test.each([-1, Number.NaN, 2 ** 31])('a time limit of %d ms is refused', (timeout) => {
    expect(() => a.portalTo(b).with({ timeout })).toThrow('timeout is 0 to')
  })
})

describe('deadlines travel', () => {
  test('without one the remote task has none', async () => {
    expect(await a.portalTo(b).run(remaining)).toBe(Number.POSITIVE_INFINITY)
  })

  test('the nearest one of scope and portal arrives as remaining time', async () => {
    const inTime = await moveOnAfter(60_000, async () => await a.portalTo(b).run(remaining))
    expect(inTime.value).toBeGreaterThan(30_000)
    expect(inTime.value).toBeLessThanOrEqual(60_001)
    const nearer = await moveOnAfter(60_000, async () => await a.portalTo(b).with({ timeout: 20_000 }).run(remaining))
    expect(nearer.value).toBeLessThanOrEqual(20_001)
  })

  test('it shrinks through a chain of three, by the time that each one took', async () => {
    portals.set('c', b.portalTo(c)).set('a', c.portalTo(a))
    const { value } = await moveOnAfter(60_000, async () => await a.portalTo(b).run(remainingAlong, ['c', 'a'], 30))
    const [first, second, third] = value!
    expect(first).toBeLessThanOrEqual(60_001 - 29)
    // a millisecond of rounding a hop
    expect(first! - second!).toBeGreaterThanOrEqual(28)
    expect(second! - third!).toBeGreaterThanOrEqual(28)
  })

  test('it stops the work by itself when the caller does not say anything any more', async () => {
    const stranger = await mesh.rawHost()
    const { framed } = await import('./fixtures/frames.ts')
    const { CALL, LANE_PROTOCOL } = await import('../../rpc/protocol.ts')
    const connection = await stranger.connect(b.id, b.target.addresses)
    const lane = await connection.newStream(LANE_PROTOCOL)
    lane.send(framed([CALL, 1, 'stage#hang', [], 50, 'value']))
    await eventually('the task has stopped', () => events.length === 2)
    expect(events).toEqual(['hang began', 'hang cleaned up: b'])
    lane.abort(new Error('enough'))
  })

  test('whichever clock is first, the scope that set it absorbs it', async () => {
    const short = Array.from({ length: 100 }, async (_, i) =>
      moveOnAfter(1 + (i % 20), async () => await a.portalTo(b).run(hang, `hang ${i}`)),
    )
    // the caller is too busy to look at its clock in time
    await sleep(1)
    const until = performance.now() + 40
    while (performance.now() < until);
    const results = await within('all calls', Promise.all(short))
    expect(results.every((result) => result.cancelled)).toBe(true)
  })
})

describe('disposing a portal', () => {
  test('it waits for a context that has not started yet', async () => {
    const portal = a.portalTo(b)
    const opening = portal.openContext(neverStartsAndHangs)
    opening.catch(() => {})
    await begun('unstarted began')
    await within('the disposal', portal[Symbol.asyncDispose]())
    expect(events).toContain('unstarted cleaned up: the caller')
    await expect(opening).rejects.toMatchObject({ code: 'CANCELLED', why: 'the portal was disposed' })
  })

  test('it cancels what is in flight through it, waits for it, and touches nothing else', async () => {
    const other = a.portalTo(b).run(hang, 'other')
    const mine: Promise<unknown>[] = []
    {
      await using portal = a.portalTo(b)
      const derived = portal.with({ timeout: 60_000 })
      mine.push(portal.run(hang, 'mine'), derived.run(hang, 'derived'), portal.run(once).next())
      for (const call of mine) call.catch(() => {})
      await Promise.all(['other began', 'mine began', 'derived began'].map(begun))
      await mine[2]
    }
    expect(events.filter((event) => event.includes('cleaned up')).toSorted()).toEqual([
      'derived cleaned up: the caller',
      'mine cleaned up: the caller',
      'once cleaned up',
    ])
    await expect(mine[0]).rejects.toMatchObject({ code: 'CANCELLED', why: 'the portal was disposed' })
    expect(await a.portalTo(b).run(add, 1, 1)).toBe(2)
    expect(events).not.toContain('other cleaned up: b')
    await within('the end of the other call', endByScope(other))
  })

  test('it cannot be used afterwards', async () => {
    const portal = a.portalTo(b)
    await portal[Symbol.asyncDispose]()
    await expect(portal.run(add, 1, 1)).rejects.toMatchObject({ by: 'the caller', why: 'the portal was disposed' })
    await portal[Symbol.asyncDispose]()
  })

  async function endByScope(call: Promise<unknown>): Promise<void> {
    b.scope.cancel('the test is over')
    await call.catch(() => {})
  }
})
