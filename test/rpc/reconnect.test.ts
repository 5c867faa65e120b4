import type { Connection } from '@libp2p/interface'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { ActorDied, Cancelled } from '../../node/errors.ts'
import { moveOnAfter } from '../../node/scopes.ts'
import { MAX_CALLS_IN_FLIGHT } from '../../rpc/lane.ts'
import type { Portal } from '../../rpc/portal.ts'
import { LANE_PROTOCOL, MAX_PIECE_BYTES, STREAM_PROTOCOL } from '../../rpc/protocol.ts'
import { MAX_CALL_ATTEMPTS } from '../../rpc/retry.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { ledger, note, noteEach, order, resetLedger, runs } from './fixtures/ledger.ts'
import { listeners, sum } from './fixtures/listeners.ts'
import { randomSource } from './fixtures/random.ts'
import { giveBytes, raise, resetStage, stage } from './fixtures/stage.ts'

expectNothingLeft()
beforeEach(() => {
  resetLedger()
  resetStage()
})

const two = async (): Promise<[InProcessMesh, InProcessActor, InProcessActor]> => {
  const mesh = await meshInProcess([ledger, listeners, stage])
  const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
  return [mesh, a, b]
}

/** Breaks the connection that an actor uses, as a cut cable does: without a word to either side. */
async function cut(from: InProcessActor, to: InProcessActor): Promise<void> {
  const connection = await from.host.connect(to.id, to.target.addresses)
  connection.abort(new Error('the cable was cut'))
}

/** Calls, many at a time, while the connection is cut now and then; gives what became of each. */
async function underCuts(
  seed: number,
  calls: number,
  cuts: number,
  [a, b]: [InProcessActor, InProcessActor],
  portal: Portal,
): Promise<PromiseSettledResult<number>[]> {
  const random = randomSource(seed)
  const outcomes: Promise<number>[] = []
  const cutAfter = new Set(Array.from({ length: cuts }, () => random.int(calls)))
  for (let i = 0; i < calls; i++) {
    const outcome = portal.run(note, i, random.int(4))
    outcome.catch(() => {})
    outcomes.push(outcome)
    if (cutAfter.has(i)) await cut(a, b)
    if (random.chance(0.1)) await delay(random.int(3))
  }
  return await within('all calls', Promise.allSettled(outcomes), 10_000)
}

async function* endless(): AsyncGenerator<number> {
  for (let i = 0; ; i++) {
    yield i
    await delay(1)
  }
}

const HONEST = ['has its result', 'may have run', 'was not sent']

/** What the caller of a call knows of it; anything but the {@link HONEST} ones when that is not true. */
function verdict(result: PromiseSettledResult<number>, call: number): string {
  const ran = runs.get(call) ?? 0
  if (ran > 1) return `ran ${ran} times`
  if (result.status === 'fulfilled')
    return result.value === call && ran === 1 ? 'has its result' : `has ${result.value}`
  const error: unknown = result.reason
  if (!(error instanceof ActorDied) || !error.lost || error.message.includes('died')) return `raised ${String(error)}`
  if (error.mayHaveRun) return error.message.endsWith('the call may have run') ? 'may have run' : error.message
  return ran === 0 && error.message.endsWith('the call was not sent') ? 'was not sent' : `ran, but ${error.message}`
}

describe.each([1, 2, 3, 4, 5, 6])('while the connection is cut at random moments (seed %d)', (seed) => {
  test('each call has its own result or an error that says whether it may have run, and never runs twice', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const results = await underCuts(seed, 600, 12, [a, b], a.portalTo(b))
    const verdicts = results.map(verdict)
    expect(new Set(verdicts).difference(new Set(HONEST))).toEqual(new Set())
    expect(verdicts).toContain('has its result')
    expect(verdicts).toContain('may have run')
  })

  test('with retry each call has exactly one result, and runs at least once', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    // fewer cuts than attempts, so that none can meet all of one call's
    const portal = a.portalTo(b).with({ retry: 'idempotent' })
    const results = await underCuts(seed, 300, MAX_CALL_ATTEMPTS - 1, [a, b], portal)
    for (const [i, result] of results.entries()) {
      expect(result).toEqual({ status: 'fulfilled', value: i })
      expect(runs.get(i)).toBeGreaterThanOrEqual(1)
    }
  })
})

describe('with two connections between the same two actors', () => {
  /** What comes of it when both dial at the same moment. */
  async function both(a: InProcessActor, b: InProcessActor): Promise<[Connection, Connection]> {
    const [ab, ba] = await Promise.all([
      a.host.connect(b.id, b.target.addresses),
      b.host.connect(a.id, a.target.addresses),
    ])
    expect([ab.direction, ba.direction]).toEqual(['outbound', 'outbound'])
    return [ab, ba]
  }

  test.each([0, 1])('calls in both directions go on when number %d is cut', async (which) => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const connections = await both(a, b)
    const there = a.portalTo(b)
    const back = b.portalTo(a)
    const outcomes = Array.from({ length: 200 }, async (_call, i) => await (i % 2 ? there : back).run(note, i, 5))
    for (const outcome of outcomes) outcome.catch(() => {})
    await eventually('some run', () => runs.size > 0)
    connections[which]!.abort(new Error('the cable was cut'))
    const results = await within('all calls', Promise.allSettled(outcomes))
    expect(new Set(results.map(verdict)).difference(new Set(HONEST))).toEqual(new Set())
    expect(await within('a call there', there.run(note, 1_000))).toBe(1_000)
    expect(await within('a call back', back.run(note, 1_001))).toBe(1_001)
  })
})

describe('calls start in the order in which they were made', () => {
  test('while the lane is being opened, while places are taken, and while the callee reads slowly', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b)
    const ballast = new Uint8Array(100_000)
    const calls = MAX_CALLS_IN_FLIGHT + 500
    const outcomes = Array.from({ length: calls }, async (_call, i) =>
      i % 40 === 0 ? await portal.run(note, i, 0, ballast) : await portal.run(note, i, i % 3),
    )
    await within('all calls', Promise.all(outcomes), 20_000)
    expect(order).toEqual(Array.from({ length: calls }, (_call, i) => i))
  })

  test('a newcomer does not overtake those that wait, at any moment', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b)
    const random = randomSource(7)
    const outcomes: Promise<number>[] = []
    const call = (): void => void outcomes.push(portal.run(note, outcomes.length, random.int(3), random.bytes(30_000)))
    for (let i = 0; i < 400; i++) {
      for (let n = random.int(10); n >= 0; n--) call()
      // each result makes room and lets a newcomer in, in the same microtask and some later
      void outcomes.at(-1)!.then(call)
      if (random.chance(0.5)) await Promise.resolve()
      if (random.chance(0.2)) await delay(0)
    }
    for (let settled = -1; settled < outcomes.length;) {
      settled = outcomes.length
      await within('all calls', Promise.all(outcomes), 20_000)
    }
    expect(order).toEqual(outcomes.map((_outcome, i) => i))
  })
})

describe('retry', () => {
  /** A peer that takes what arrives on a lane and cuts it; counts the lanes. */
  async function cutter(
    mesh: InProcessMesh,
    a: InProcessActor,
    onCut: () => void = () => {},
  ): Promise<{ portal: Portal; lanes: () => number }> {
    const host = await mesh.rawHost()
    let lanes = 0
    await host.handle(LANE_PROTOCOL, (stream) => {
      lanes += 1
      const onMessage = (): void => {
        stream.abort(new Error('no'))
        onCut()
      }
      stream.addEventListener('message', onMessage, { once: true })
    })
    const portal = a.rpc.portal({ name: 'cutter', id: host.peerId, addresses: host.addresses() })
    return { portal, lanes: () => lanes }
  }

  test('without it a call that may have run is never sent again', async () => {
    const [mesh, a] = await two()
    await using _ = mesh
    const { portal, lanes } = await cutter(mesh, a)
    await expect(within('the call', portal.run(note, 1))).rejects.toMatchObject({
      code: 'ACTOR_DIED',
      mayHaveRun: true,
      lost: true,
      message: expect.stringContaining('its connection is gone; the call may have run'),
    })
    expect(lanes()).toBe(1)
  })

  test('with it a call is sent MAX_CALL_ATTEMPTS times, then rejects with what the last one met', async () => {
    const [mesh, a] = await two()
    await using _ = mesh
    const { portal, lanes } = await cutter(mesh, a)
    const failure = await within('the call', failureOf(portal.with({ retry: 'idempotent' }).run(note, 1)))
    expect(failure).toMatchObject({ code: 'ACTOR_DIED', mayHaveRun: true })
    expect(lanes()).toBe(MAX_CALL_ATTEMPTS)
  })

  test('it ends with the call: one that was cancelled, or whose time is over, is not sent again', async () => {
    const [mesh, a] = await two()
    await using _ = mesh
    const controller = new AbortController()
    const reason = new Error('enough')
    const { portal, lanes } = await cutter(mesh, a, () => controller.abort(reason))
    const patient = portal.with({ retry: 'idempotent' })
    await expect(within('the call', patient.with({ signal: controller.signal }).run(note, 1))).rejects.toBe(reason)
    expect(lanes()).toBe(1)
    const scoped = await within(
      'the call',
      moveOnAfter(1, async () => await patient.run(note, 2)),
    )
    expect(scoped.cancelled).toBe(true)
    await expect(within('the call', patient.with({ timeout: 1 }).run(note, 3))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
    expect(lanes()).toBeLessThanOrEqual(3)
  })

  test('what the function raises is its answer, be it an ActorDied', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b).with({ retry: 'idempotent' })
    await expect(portal.run(raise, 'range')).rejects.toMatchObject({ cause: expect.any(RangeError) })
    await expect(portal.call('stage#raise', 'value')).rejects.toMatchObject({ code: 'REMOTE_ACTOR_ERROR' })
  })

  test('each attempt sends what the call was made with', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b).with({ retry: 'idempotent' })
    const seats = [1]
    const call = portal.call('stage#echo', seats)
    await cut(a, b)
    seats.push(2)
    expect(await within('the call', call)).toEqual([1])
  })

  test('after an attempt that may have run, one that was not sent does not hide it', async () => {
    const [mesh, a] = await two()
    await using _ = mesh
    const host = await mesh.rawHost()
    await host.handle(LANE_PROTOCOL, (stream) =>
      stream.addEventListener('message', () => void host.stop(), { once: true }),
    )
    const portal = a.rpc.portal({ name: 'gone', id: host.peerId, addresses: host.addresses() })
    const failure = await within('the call', failureOf(portal.with({ retry: 'idempotent' }).run(note, 1)), 5_000)
    expect(failure).toMatchObject({ code: 'ACTOR_DIED', mayHaveRun: true })
    expect((failure as Error).message).toContain('may have run')
  })

  test('streams, contexts and calls whose arguments stream cannot be made twice: they are refused', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b).with({ retry: 'idempotent' })
    expect(() => portal.run(noteEach, 3)).toThrow('a stream cannot be made twice')
    await expect(portal.openContext(async () => {})).rejects.toMatchObject({ code: 'NOT_EXPOSED' })
    await expect(portal.call('stage#echo', noteEach(1))).rejects.toThrow('whose arguments stream cannot be made twice')
    expect(() => a.portalTo(b).with({ retry: 'always' as 'idempotent' })).toThrow("retry is 'idempotent' or left out")
  })
})

describe('the error of a call that did not come through', () => {
  test('an actor that cannot be reached: nothing was sent', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    await b.die()
    await expect(within('the call', a.portalTo(b).run(note, 1))).rejects.toMatchObject({
      code: 'ACTOR_DIED',
      mayHaveRun: false,
      message: expect.stringMatching(/^b \(.{8}\): it cannot be reached; the call was not sent$/),
    })
  })

  test('a live actor that refuses the stream is connected all the same', async () => {
    const [mesh, a] = await two()
    await using _ = mesh
    const host = await mesh.rawHost()
    const portal = a.rpc.portal({ name: 'mute', id: host.peerId, addresses: host.addresses() })
    await expect(within('the call', portal.run(note, 1))).rejects.toMatchObject({
      code: 'ACTOR_DIED',
      mayHaveRun: false,
      message: expect.stringContaining('it is connected, but refused the stream; the call was not sent'),
    })
  })

  test.each<[string, (portal: Portal) => Promise<unknown>]>([
    ['an argument that streams', async (portal) => await portal.run(sum, endless())],
    ['a large argument', async (portal) => await portal.run(note, 3, 0, new Uint8Array(2 * MAX_PIECE_BYTES))],
    ['a large result', async (portal) => await portal.run(giveBytes, 2 * MAX_PIECE_BYTES)],
  ])('a call that was sent, but whose stream for %s cannot be opened, may have run', async (_part, call) => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b)
    expect(await portal.run(note, 1, 0)).toBe(1)
    const connection = await a.host.connect(b.id, b.target.addresses)
    const open = connection.newStream.bind(connection)
    connection.newStream = async (protocol, options) => {
      if (protocol === STREAM_PROTOCOL) throw new Error('no more streams')
      return await open(protocol, options)
    }
    await expect(within('the call', call(portal))).rejects.toMatchObject({
      code: 'ACTOR_DIED',
      mayHaveRun: true,
      message: expect.stringMatching(/: a stream of the call could not be opened; the call may have run$/),
    })
    expect(await portal.run(note, 2, 0)).toBe(2)
  })

  test('a call that still waits for its place was not sent', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const portal = a.portalTo(b)
    const outcomes = Array.from({ length: MAX_CALLS_IN_FLIGHT + 100 }, async (_call, i) =>
      portal.run(note, i, 1_000_000),
    )
    for (const outcome of outcomes) outcome.catch(() => {})
    await eventually('all that may run do', () => runs.size === MAX_CALLS_IN_FLIGHT, 10_000)
    await cut(a, b)
    const results = await within('all calls', Promise.allSettled(outcomes), 5_000)
    const mayHaveRun = results.map((result) => (result.status === 'rejected' ? result.reason.mayHaveRun : undefined))
    expect(mayHaveRun.slice(0, MAX_CALLS_IN_FLIGHT).every((may) => may === true)).toBe(true)
    expect(mayHaveRun.slice(MAX_CALLS_IN_FLIGHT).every((may) => may === false)).toBe(true)
  })

  test('a call that its own cancel had ended rejects with that, whatever happens to its connection', async () => {
    const [mesh, a, b] = await two()
    await using _ = mesh
    const controller = new AbortController()
    const call = a.portalTo(b).with({ signal: controller.signal, retry: 'idempotent' }).run(note, 1, 1_000_000)
    call.catch(() => {})
    await eventually('it runs', () => runs.size === 1)
    const reason = new Cancelled('donny', 'enough')
    controller.abort(reason)
    await cut(a, b)
    await expect(within('the call', call)).rejects.toBe(reason)
    expect(runs.get(1)).toBe(1)
  })
})
