import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { ActorDied, Cancelled, DeadlineExceeded, ProtocolError, RemoteActorError } from '../../node/errors.ts'
import { encodeFailure } from '../../rpc/error-codec.ts'
import { Stats } from '../../rpc/stats.ts'
import { Kinship } from '../../rpc/kinship.ts'
import { checkFunctionId } from '../../rpc/exposed.ts'
import { Lane, MAX_CALLS_IN_FLIGHT, MAX_CALLS_WAITING } from '../../rpc/lane.ts'
import { awaitOutcome, type PendingCall } from '../../rpc/pending-call.ts'
import { CALL, CANCEL, CANCEL_ACTOR, DESCRIBE, FAILURE, KINSHIP, MAX_VALUE_BYTES, RESULT } from '../../rpc/protocol.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { framed, unframed } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

const gretchen = { name: 'gretchen', id: '12D3KooWgretchen' }

expectNothingLeft()

interface Opened {
  readonly wire: RecordingWire
  readonly lane: Lane
  /** The frames that left so far. */
  readonly sent: () => unknown[][]
  readonly start: (scope?: CancelScope, ...args: unknown[]) => Promise<PendingCall>
  readonly reply: (...frame: unknown[]) => void
}

function open(obituary: () => Promise<ActorDied | undefined> = () => Promise.resolve(undefined)): Opened {
  const wire = new RecordingWire()
  let id = 0
  const lane = new Lane({
    peer: gretchen,
    stats: new Stats(),
    acquaintance: new Kinship('donny', new Uint8Array(32), 'tree').meet('gretchen'),
    nextId: () => ++id,
    onClose: obituary,
    openPart: async () => await Promise.reject(new Error('no part is opened here')),
  })
  lane.open(wire)
  return {
    wire,
    lane,
    sent: () => (unframed(wire.bytes()) as unknown[][]).filter(([type]) => type !== KINSHIP),
    start: async (scope = new CancelScope(), ...args) => await lane.start('film#hi', args, 'value', scope),
    reply: (...frame) => wire.onData?.(framed(frame)),
  }
}

test('a lane begins with the proof of kinship, in the same send as its first call', async () => {
  const { wire, start } = open()
  await start()
  await eventually('something was sent', () => wire.sent.length > 0)
  expect(unframed(wire.sent[0]!)).toMatchObject([
    [KINSHIP, 0, expect.any(Uint8Array)],
    [CALL, 1, 'film#hi', [], 0, 'value'],
  ])
})

describe('a call', () => {
  test('it travels with its id, arguments, kind, and no deadline when there is none', async () => {
    const { start, sent } = open()
    await start(undefined, 1, { two: 2 })
    expect(sent()).toEqual([[CALL, 1, 'film#hi', [1, { two: 2 }], 0, 'value']])
  })

  test('replies find their calls in any order', async () => {
    const { start, reply } = open()
    const calls = [await start(), await start(), await start()]
    for (const { id } of calls.toReversed()) reply(RESULT, id, `value ${id}`)
    expect(await Promise.all(calls.map(async (call) => await call.outcome))).toEqual(['value 1', 'value 2', 'value 3'])
  })

  test('a deadline travels as what is left of it, in whole milliseconds, at least one', async () => {
    const { start, sent } = open()
    const scope = new CancelScope()
    scope.deadline = performance.now() + 500
    await start(scope)
    scope.deadline = performance.now() - 10
    await start(scope)
    const [first, second] = sent().map((frame) => frame[4] as number)
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(500)
    expect(Number.isInteger(first)).toBe(true)
    expect(second).toBe(1)
  })

  test('an argument that cannot travel is refused with its path before anything is sent', async () => {
    const { start, sent } = open()
    await expect(start(undefined, 1, { options: { f: () => {} } })).rejects.toThrow('args[1].options.f is a function')
    expect(sent()).toEqual([])
  })

  test('arguments larger than a value may be are refused by the name of the limit, and the lane goes on', async () => {
    const { start, sent } = open()
    await expect(start(undefined, 'x'.repeat(MAX_VALUE_BYTES))).rejects.toMatchObject({ limit: 'MAX_VALUE_BYTES' })
    await start()
    expect(sent()).toHaveLength(1)
  })

  test('a call in a cancelled scope is not sent', async () => {
    const { start, sent } = open()
    const scope = new CancelScope()
    scope.cancel('before')
    await expect(start(scope)).rejects.toBe(scope.reason)
    expect(sent()).toEqual([])
  })

  test('while the peer does not read, calls wait for room instead of failing', async () => {
    const { wire, start, reply, sent } = open()
    wire.accepts = false
    await start()
    const waiting = start(undefined, 'x'.repeat(1_000))
    const cancelled = new CancelScope()
    const gone = start(cancelled)
    await Promise.resolve()
    expect(sent()).toHaveLength(1)
    cancelled.cancel('enough')
    await expect(within('the cancelled call', gone)).rejects.toBe(cancelled.reason)
    wire.accepts = true
    wire.onDrain?.()
    const call = await within('the call', waiting)
    reply(RESULT, call.id, 7)
    expect(await call.outcome).toBe(7)
  })
})

describe('failures', () => {
  test('a failure becomes a RemoteActorError with the rebuilt cause', async () => {
    const { start, reply } = open()
    const call = await start()
    reply(FAILURE, call.id, encodeFailure(new RangeError('boom'), gretchen, true))
    await expect(call.outcome).rejects.toMatchObject({ code: 'REMOTE_ACTOR_ERROR', cause: expect.any(RangeError) })
  })

  test('a reply that nobody waits for is ignored', async () => {
    const { lane, reply } = open()
    reply(RESULT, 99, 1)
    reply(FAILURE, 98, encodeFailure(new Error('x'), gretchen, true))
    expect(lane.closed).toBe(false)
  })

  test.each<[string, (id: number) => unknown]>([
    ['no list', () => 'text'],
    ['a reply without an id', () => [RESULT]],
    ['a reply with a negative id', () => [RESULT, -1, 1]],
    ['a reply with an id that is no number', () => [RESULT, '1', 1]],
    ['a reply of an unknown type', (id) => [99, id, 1]],
    ['a request in place of a reply', (id) => [CALL, id, 'film#hi', [], 0, 'value']],
    ['a failure of the wrong shape', (id) => [FAILURE, id, { thrown: 'x' }]],
    ['a failure without anything', (id) => [FAILURE, id]],
  ])('%s closes the lane, and every call in flight rejects, the concerned one included', async (_, frame) => {
    const { wire, start } = open()
    const calls = [await start(), await start()]
    wire.onData?.(framed(frame(calls[0]!.id)))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
    for (const call of calls)
      await expect(within('the call', call.outcome)).rejects.toMatchObject({
        code: 'ACTOR_DIED',
        actor: gretchen,
        cause: expect.any(ProtocolError),
      })
  })

  test('a lost connection rejects everything at once with the name of the actor, and later calls as well', async () => {
    const { wire, start, lane } = open()
    const calls = await Promise.all(Array.from({ length: 100 }, async () => await start()))
    wire.onClose?.(new Error('reset'))
    const results = await within('all calls', Promise.allSettled(calls.map(async (call) => await call.outcome)))
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'ACTOR_DIED', actor: gretchen } })
    await expect(start()).rejects.toBeInstanceOf(ActorDied)
    await expect(lane.describe()).rejects.toBeInstanceOf(ActorDied)
  })

  test('whoever saw the peer die says how', async () => {
    const died = new ActorDied(gretchen, 'exit code 7')
    const { wire, start } = open(() => Promise.resolve(died))
    const call = await start()
    wire.onClose?.(undefined)
    await expect(within('the call', call.outcome)).rejects.toBe(died)
  })
})

describe('cancelling', () => {
  test('a cancel travels with who and why; the acknowledgement becomes the very reason', async () => {
    const { start, reply, sent } = open()
    const scope = new CancelScope()
    const call = await start(scope)
    const outcome = awaitOutcome(call, scope)
    scope.cancel(new Cancelled('donny', 'enough'))
    await eventually('the cancel is sent', () => sent().length === 2)
    expect(sent()[1]).toEqual([CANCEL, call.id, 'donny', 'enough'])
    reply(FAILURE, call.id, encodeFailure(new Cancelled('donny', 'enough'), gretchen, true))
    await expect(outcome).rejects.toBe(scope.reason)
  })

  test('a value that arrives in spite of the cancel is the outcome', async () => {
    const { start, reply } = open()
    const scope = new CancelScope()
    const call = await start(scope)
    const outcome = awaitOutcome(call, scope)
    scope.cancel('enough')
    reply(RESULT, call.id, 'finished anyway')
    expect(await outcome).toBe('finished anyway')
  })

  test('an error of the clean-up is the outcome', async () => {
    const { start, reply } = open()
    const scope = new CancelScope()
    const call = await start(scope)
    const outcome = awaitOutcome(call, scope)
    scope.cancel('enough')
    reply(FAILURE, call.id, encodeFailure(new RangeError('in finally'), gretchen, true))
    await expect(outcome).rejects.toBeInstanceOf(RemoteActorError)
  })

  test('a peer that does not acknowledge is left after the bound', async () => {
    const { start } = open()
    const scope = new CancelScope()
    const outcome = awaitOutcome(await start(scope), scope)
    scope.cancel('enough')
    await expect(within('the outcome', outcome, 2_000)).rejects.toBe(scope.reason)
  })

  test('a cancel goes out however much waits for a peer that does not read, and however long its reason is', async () => {
    const { wire, start, sent } = open()
    const scope = new CancelScope()
    const call = await start(scope)
    void awaitOutcome(call, scope).catch(() => {})
    wire.accepts = false
    await start()
    scope.cancel(new Cancelled('donny'.repeat(1_000_000), 'why'.repeat(1_000_000)))
    wire.accepts = true
    wire.onDrain?.()
    expect(sent().some(([type, id]) => type === CANCEL && id === call.id)).toBe(true)
    call.resolve(undefined)
  })

  test('cancelling a call that is over does nothing', async () => {
    const { start, reply, sent } = open()
    const call = await start()
    reply(RESULT, call.id, 1)
    await call.outcome
    call.cancel(new Cancelled('donny', 'too late'))
    await Promise.resolve()
    expect(sent()).toHaveLength(1)
  })

  test('when the clock of the callee is first, the deadline still is the own scope’s', async () => {
    const { start, reply } = open()
    const scope = new CancelScope()
    scope.deadline = performance.now() + 20
    const call = await start(scope)
    const outcome = awaitOutcome(call, scope)
    const overThere = new Cancelled('gretchen', 'over', { cause: new DeadlineExceeded(20) })
    reply(FAILURE, call.id, encodeFailure(overThere, gretchen, true))
    scope.cancel('its 20 ms were over')
    await expect(within('the outcome', outcome)).rejects.toBe(scope.reason)
  })

  test('a deadline of somebody else raises', async () => {
    const { start, reply } = open()
    const scope = new CancelScope()
    const call = await start(scope)
    const overThere = new Cancelled('gretchen', 'over', { cause: new DeadlineExceeded(20) })
    reply(FAILURE, call.id, encodeFailure(overThere, gretchen, true))
    await expect(within('the outcome', awaitOutcome(call, scope))).rejects.toBeInstanceOf(RemoteActorError)
  })
})

describe('MAX_CALLS_IN_FLIGHT', () => {
  test('more calls wait for a place, which goes to whoever waits longest', async () => {
    const { start, reply, sent } = open()
    const calls: PendingCall[] = []
    for (let i = 0; i < MAX_CALLS_IN_FLIGHT; i++) calls.push(await start())
    const order: string[] = []
    const first = start().then((call) => (order.push('first'), call))
    const second = start().then((call) => (order.push('second'), call))
    await Promise.resolve()
    expect(sent()).toHaveLength(MAX_CALLS_IN_FLIGHT)
    reply(RESULT, calls[0]!.id, 1)
    // a newcomer does not overtake those that wait
    const third = start().then((call) => (order.push('third'), call))
    reply(RESULT, calls[1]!.id, 1)
    reply(RESULT, calls[2]!.id, 1)
    await within('the waiting calls', Promise.all([first, second, third]))
    expect(order).toEqual(['first', 'second', 'third'])
    await eventually('they are sent', () => sent().length === MAX_CALLS_IN_FLIGHT + 3)
  })

  test('calls that are cancelled or refused while they wait keep no place', async () => {
    const { start, reply } = open()
    const calls: PendingCall[] = []
    for (let i = 0; i < MAX_CALLS_IN_FLIGHT; i++) calls.push(await start())
    for (let round = 0; round < 3; round++) {
      const scope = new CancelScope()
      const cancelled = start(scope)
      const tooLarge = start(undefined, 'x'.repeat(MAX_VALUE_BYTES))
      scope.cancel('enough')
      await expect(cancelled).rejects.toBe(scope.reason)
      reply(RESULT, calls.pop()!.id, 1)
      await expect(within('the refusal', tooLarge)).rejects.toMatchObject({ limit: 'MAX_VALUE_BYTES' })
      calls.push(await within('the next call', start()))
    }
    expect(calls).toHaveLength(MAX_CALLS_IN_FLIGHT)
  })

  test('a call that got its place at the moment of its cancel is cancelled over there, and gives it back', async () => {
    const { start, reply, sent } = open()
    const calls: PendingCall[] = []
    for (let i = 0; i < MAX_CALLS_IN_FLIGHT; i++) calls.push(await start())
    const scope = new CancelScope()
    const starting = start(scope)
    reply(RESULT, calls[0]!.id, 1)
    scope.cancel(new Cancelled('donny', 'enough'))
    const call = await within('the call', starting)
    await eventually('its cancel is sent', () => sent().at(-1)![0] === CANCEL)
    expect(
      sent()
        .slice(-2)
        .map(([type, id]) => [type, id]),
    ).toEqual([
      [CALL, call.id],
      [CANCEL, call.id],
    ])
    const next = start()
    reply(FAILURE, call.id, encodeFailure(new Cancelled('donny', 'enough'), gretchen, true))
    await expect(call.outcome).rejects.toBe(scope.reason)
    await within('the next call', next)
  })

  test('more than MAX_CALLS_WAITING that wait are refused by name', async () => {
    const { start, wire } = open()
    for (let i = 0; i < MAX_CALLS_IN_FLIGHT; i++) await start()
    const waiting = Array.from({ length: MAX_CALLS_WAITING }, async () => await start())
    await expect(start()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'MAX_CALLS_WAITING' })
    wire.onClose?.(undefined)
    const results = await within('the waiting calls', Promise.allSettled(waiting))
    expect(results.every((result) => result.status === 'rejected')).toBe(true)
  })
})

test('the whole actor can be asked to end, and what it serves can be asked for', async () => {
  const { lane, reply, sent } = open()
  const ending = lane.cancelActor(new Cancelled('donny', 'the scene is over'))
  const described = lane.describe()
  await Promise.resolve()
  expect(sent()).toEqual([
    [CANCEL_ACTOR, 1, 'donny', 'the scene is over'],
    [DESCRIBE, 2],
  ])
  reply(RESULT, 1, undefined)
  reply(RESULT, 2, [{ id: 'film#hi', kind: 'value' }])
  await ending.outcome
  expect(await described).toEqual([{ id: 'film#hi', kind: 'value' }])
})

test.each(['', 'hi', '#hi', 'film#', 'film#hi#there'])('%j names no function', (id) => {
  expect(() => checkFunctionId(id)).toThrow("write 'namespace#name'")
})
