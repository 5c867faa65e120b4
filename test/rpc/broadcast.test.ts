import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ActorDied, DeadlineExceeded, InvalidArgument, RemoteActorError } from '../../node/errors.ts'
import { failAfter, moveOnAfter } from '../../node/scopes.ts'
import {
  checkRelayed,
  MAX_RELAY_TARGETS,
  MAX_RELAYS_PER_PEER,
  type Outcome,
  readOutcomes,
  RelayDesk,
  type RelayedCall,
} from '../../rpc/broadcast.ts'
import { CancelScope } from '../../node/cancel-scope.ts'
import { ProtocolError } from '../../node/errors.ts'
import type { ReadyRequest } from '../../rpc/large-values.ts'
import { MAX_PIECE_BYTES } from '../../rpc/protocol.ts'
import { eventually } from '../support/eventually.ts'
import { deadline } from '../support/headroom.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { events, resetStage, SoldOut, stage } from './fixtures/stage.ts'

let mesh: InProcessMesh
let caller: InProcessActor
let root: InProcessActor
let below: InProcessActor[]

beforeAll(async () => {
  mesh = await meshInProcess([stage], 5)
  const [first, second, ...others] = mesh.actors as [InProcessActor, InProcessActor, ...InProcessActor[]]
  caller = first
  root = second
  below = [root, ...others]
  root.rpc.serveRelays((id) => below.find((actor) => actor.id === id)?.target)
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

const call = (name: string, ...args: unknown[]): RelayedCall => ({ functionId: `stage#${name}`, args, timeoutMs: 0 })
const relay = async (one: RelayedCall, ids: readonly string[] = below.map(({ id }) => id)): Promise<Outcome[]> =>
  await within('the relay', caller.rpc.relay(root.target, ids, one))
const made = async (actor: InProcessActor): Promise<number> => (await actor.portalTo(actor).stats()).made.started
const served = async (actor: InProcessActor): Promise<number> => (await actor.portalTo(actor).stats()).served.started

describe('a relay', () => {
  test('is one call of its root, which calls each actor, itself included', async () => {
    const before = { caller: await made(caller), root: await made(root), served: await Promise.all(below.map(served)) }
    expect(await relay(call('add', 1, 2))).toEqual(below.map(() => ({ status: 'fulfilled', value: 3 })))
    expect(await made(caller)).toBe(before.caller + 1)
    expect(await made(root)).toBe(before.root + 4)
    const after = await Promise.all(below.map(served))
    expect(after.map((count, index) => count - before.served[index]!)).toEqual([2, 1, 1, 1])
  })

  test('carries arguments and results that are larger than a frame', async () => {
    const bytes = new Uint8Array(MAX_PIECE_BYTES * 2).fill(7)
    const outcomes = await relay(call('echo', { bytes }))
    expect(outcomes).toHaveLength(4)
    for (const outcome of outcomes) expect(outcome).toEqual({ status: 'fulfilled', value: { bytes } })
  })

  test('gives values that contain themselves, errors and undefined as a call does', async () => {
    const loop: unknown[] = [new RangeError('inside'), undefined, new Map([[1, -0]])]
    loop.push(loop)
    const [outcome] = await relay(call('echo', loop))
    const value = (outcome as { value: unknown[] }).value
    expect(value[3]).toBe(value)
    expect(value[0]).toBeInstanceOf(RangeError)
    expect(value[2]).toEqual(new Map([[1, -0]]))
  })

  test('gives the error of each actor, with its origin and the way that it came', async () => {
    const outcomes = await relay(call('raise', 'registered'))
    const errors = outcomes.map((outcome) => (outcome as { reason: RemoteActorError }).reason)
    expect(errors.map(({ origin }) => origin)).toEqual(below.map(({ name, id }) => ({ name, id })))
    for (const [index, error] of errors.entries()) {
      expect(error).toBeInstanceOf(RemoteActorError)
      expect(error.cause).toBeInstanceOf(SoldOut)
      expect(error.path).toEqual([below[index]!.name, 'b'])
    }
  })

  test.each([
    ['notExposed', 'NOT_EXPOSED'],
    ['count', 'INVALID_ARGUMENT'],
    ['nobody#here', 'NOT_EXPOSED'],
  ])('of %s is refused by each actor for itself', async (name, code) => {
    const outcomes = await relay(call(name))
    expect(outcomes).toHaveLength(4)
    for (const [index, outcome] of outcomes.entries()) {
      const { reason } = outcome as { reason: RemoteActorError }
      expect(reason.origin.id).toBe(below[index]!.id)
      expect(reason.cause).toMatchObject({ code })
    }
  })

  test('does not reach actors that are not below its root', async () => {
    const [inside, outside] = await relay(call('add', 1, 2), [root.id, caller.id])
    expect(inside).toEqual({ status: 'fulfilled', value: 3 })
    const { reason } = outside as { reason: ActorDied }
    expect(reason).toBeInstanceOf(ActorDied)
    expect(reason).toMatchObject({ mayHaveRun: false, actor: { id: caller.id } })
    // nobody has told this one what is below it
    const elsewhere = await caller.rpc.relay(below[1]!.target, [below[1]!.id], call('add', 1, 2))
    expect(elsewhere).toMatchObject([{ status: 'rejected', reason: { code: 'ACTOR_DIED' } }])
  })

  test('that is cancelled has stopped in every actor when it rejects', async () => {
    const { cancelled } = await moveOnAfter(deadline(300), async () => await relay(call('hang')))
    expect(cancelled).toBe(true)
    expect(events.filter((event) => event === 'hang began')).toHaveLength(4)
    expect(events.filter((event) => event.startsWith('hang cleaned up'))).toHaveLength(4)
  })

  test('gives what is left of the caller’s deadline to every actor', async () => {
    const outcomes = await failAfter(60_000, async () => await relay(call('remaining')))
    for (const outcome of outcomes) {
      const { value } = outcome as { value: number }
      expect(value).toBeGreaterThan(0)
      expect(value).toBeLessThanOrEqual(60_000)
    }
  })

  test('with a time for each actor gives those that were in time, and what the others waited for', async () => {
    const slow = { ...call('hang'), timeoutMs: 50 }
    const outcomes = await relay(slow)
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DEADLINE_EXCEEDED', ms: 50 } })
      expect((outcome as { reason: unknown }).reason).toBeInstanceOf(DeadlineExceeded)
    }
    await eventually('all have ended', () => events.filter((event) => event.startsWith('hang cleaned up')).length === 4)
    expect(await relay({ ...call('add', 1, 2), timeoutMs: 60_000 })).toHaveLength(4)
  })

  test('waits for its turn when as many run as may', async () => {
    const relays = Array.from({ length: MAX_RELAYS_PER_PEER * 3 }, (_, i) => relay(call('addLater', i, 1), [root.id]))
    const outcomes = await Promise.all(relays)
    expect(outcomes.flat()).toEqual(outcomes.map((_, i) => ({ status: 'fulfilled', value: i + 1 })))
  })
})

describe('a desk', () => {
  const desk = (line: (id: string) => Promise<unknown> = async () => await Promise.resolve('done')) => {
    let refused = 0
    const made = new RelayDesk({ self: { name: 'r', id: 'r' }, call: line, refused: () => (refused += 1) })
    return { made, refused: () => refused }
  }
  const request = (...args: unknown[]): ReadyRequest => ({
    id: 1,
    functionId: 'stage#add',
    args,
    timeoutMs: 0,
    kind: 'relay',
    streams: [],
  })
  const many = Array.from({ length: MAX_RELAY_TARGETS + 1 }, (_, i) => `id${i}`)

  const bad: [string, unknown[]][] = [
    ['nothing', []],
    ['no targets', [[], 0, []]],
    ['too many targets', [many, 0, []]],
    ['a target twice', [['a', 'a'], 0, []]],
    ['a target that is no text', [['a', 7], 0, []]],
    ['no time', [['a'], '7', []]],
    ['a time that is over', [['a'], -1, []]],
    ['an endless time', [['a'], 2 ** 31, []]],
    ['no arguments', [['a'], 0]],
    ['arguments that are no list', [['a'], 0, {}]],
    ['more than that', [['a'], 0, [], 1]],
  ]
  test.each(bad)('refuses %s', async (_, args) => {
    await expect(desk().made.perform('p', request(...args), new CancelScope(), false)).rejects.toThrow(ProtocolError)
  })

  test('takes as many targets as may be', async () => {
    const { made } = desk()
    expect(await made.perform('p', request(many.slice(1), 0, []), new CancelScope(), false)).toHaveLength(1_024)
  })

  test('refuses more relays of one peer than it bears, not those of others', async () => {
    const gate = Promise.withResolvers<string>()
    const { made, refused } = desk(async () => await gate.promise)
    const perform = async (peer: string): Promise<unknown[]> =>
      await made.perform(peer, request(['a'], 0, []), new CancelScope(), false)
    const running = Array.from({ length: MAX_RELAYS_PER_PEER }, async () => await perform('p'))
    await expect(perform('p')).rejects.toThrow('limit MAX_RELAYS_PER_PEER')
    expect(refused()).toBe(1)
    const other = perform('q')
    gate.resolve('open')
    expect(await Promise.all([...running, other])).toHaveLength(MAX_RELAYS_PER_PEER + 1)
    expect(await perform('p')).toEqual([[0, 'open']])
  })

  test('tells one value that is nested too deep from the others', async () => {
    let deep: unknown = 0
    for (let i = 0; i < 99; i++) deep = [deep]
    const { made } = desk(async (id) => await Promise.resolve(id === 'a' ? deep : 'fine'))
    const travelling = await made.perform('p', request(['a', 'b'], 0, []), new CancelScope(), false)
    const [first, second] = readOutcomes(travelling, 2)
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_ARGUMENT' } })
    expect(second).toEqual({ status: 'fulfilled', value: 'fine' })
  })

  test('arguments that cannot be wrapped are refused where they are given', () => {
    let deep: unknown = 0
    for (let i = 0; i < 99; i++) deep = [deep]
    expect(() => checkRelayed(['fine', deep])).toThrow(InvalidArgument)
    expect(() => checkRelayed(['fine', { at: () => {} }])).toThrow('args[1].at')
  })

  test.each([
    [undefined],
    [[]],
    [[[0, 1]]],
    [
      [
        [3, 1],
        [0, 1],
      ],
    ],
    [[7, 8]],
    [
      [
        [1, 'no failure'],
        [0, 1],
      ],
    ],
  ])('outcomes of another shape, %j, are refused', (value) =>
    expect(() => readOutcomes(value, 2)).toThrow(ProtocolError),
  )
})
