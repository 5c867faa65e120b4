import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RemoteActorError } from '../../node/errors.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { raiseBeforeStart, raiseByCall, raiseByContext, raiseByStream, relay } from './fixtures/relay.ts'
import { portals, raise, resetStage, SoldOut, stage } from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage, relay], 3)
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(() => {
  resetStage()
  portals.set('a', c.portalTo(a)).set('c', b.portalTo(c))
})

type Way = (kind: string, along: readonly string[]) => Promise<unknown>

const byCall: Way = async (kind, along) => await a.portalTo(b).run(raiseByCall, along, kind)
const byStream: Way = async (kind, along) => {
  for await (const item of a.portalTo(b).run(raiseByStream, along, kind)) expect(item).toBe(1)
}
const byContext: Way = async (kind, along) => {
  await using context = await a.portalTo(b).openContext(raiseByContext, along, kind)
  for await (const item of context.stream()) expect(item).toBe(1)
  await context.result()
}
const byStart: Way = async (kind, along) => {
  await using context = await a.portalTo(b).openContext(raiseBeforeStart, along, kind)
  await context.result()
}
const ways: [string, Way][] = [
  ['a call', byCall],
  ['a stream', byStream],
  ['a context', byContext],
  ['a context that does not start', byStart],
]

async function caughtBy(way: Way, kind: string, along: readonly string[]): Promise<RemoteActorError> {
  const error = await within('the call', way(kind, along)).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(RemoteActorError)
  return error as RemoteActorError
}

const hops: [string, string[], string, string[]][] = [
  ['one hop', [], 'b', ['b']],
  ['two hops', ['c'], 'c', ['c', 'b']],
  ['three hops', ['c', 'a'], 'a', ['a', 'c', 'b']],
]
const waysAndHops = ways.flatMap(([name, way]) => hops.map(([over, ...rest]) => [name, over, way, ...rest] as const))

describe.each(waysAndHops)('by %s over %s', (_, __, way, along, origin, path) => {
  const caught = async (kind: string): Promise<RemoteActorError> => await caughtBy(way, kind, along)

  test('origin and path are those of the actors that it came from and by', async () => {
    const error = await caught('range')
    const { name, id } = mesh.actors.find((actor) => actor.name === origin)!
    expect(error.origin).toEqual({ name, id })
    expect(error.path).toEqual(path)
    expect(error.code).toBe('REMOTE_ACTOR_ERROR')
  })

  test('the cause is the rebuilt error, with its own cause and the stack of where it was raised', async () => {
    const error = await caught('range')
    expect(error.cause).toBeInstanceOf(RangeError)
    expect((error.cause as Error).cause).toBeInstanceOf(TypeError)
    expect(error.remoteStack).toContain('at raise')
    expect((error.cause as Error).stack).toBe(error.remoteStack)
  })

  test('its own stack leads to the line here that waited for it', async () => {
    const error = await caught('range')
    expect(error.stack).toMatch(/^RemoteActorError: .* raised RangeError: boom/)
    expect(error.stack).toMatch(/at async (Object\.)?by(Call|Stream|Context|Start) .*errors-over-hops\.test\.ts\S*:\d+/)
  })

  test('a registered class is itself, an unknown one keeps its name', async () => {
    const registered = (await caught('registered')).cause
    expect(registered).toBeInstanceOf(SoldOut)
    expect(registered).toMatchObject({ seats: 3, message: 'no seats left' })
    const unregistered = (await caught('unregistered')).cause
    expect(unregistered).toBeInstanceOf(RangeError)
    expect(unregistered).toMatchObject({ name: 'Unregistered', message: 'who am I' })
  })

  test('an AggregateError keeps its errors', async () => {
    const { errors } = (await caught('aggregate')).cause as AggregateError
    expect(errors[0]).toBeInstanceOf(RangeError)
    expect(errors[1]).toBeInstanceOf(SoldOut)
  })

  test('a thrown value that is no error arrives as it is', async () => {
    expect((await caught('value')).cause).toEqual({ reason: 'no error' })
  })

  test('what cannot travel is left out', async () => {
    const { cause } = await caught('odd')
    expect(cause).toMatchObject({ message: 'odd', fine: 1 })
    expect(cause).not.toHaveProperty('callback')
  })

  test('an error larger than a frame arrives with all that it has, beside the lane', async () => {
    const error = await caught('huge')
    expect(error.cause).toBeInstanceOf(RangeError)
    expect((error.cause as Error).message).toMatch(/^x{60000}/)
    expect(error.cause).toHaveProperty('data', 'y'.repeat(2_000_000))
    expect((error.cause as Error).cause).toMatchObject({ message: expect.stringMatching(/^z{60000}/) })
    expect(error.path).toEqual(path)
  })
})

test('an error of an actor that calls itself is a remote error as well', async () => {
  const call = a.portalTo(a).run(raise, 'registered')
  await expect(call).rejects.toMatchObject({ origin: { name: 'a' }, path: ['a'], cause: expect.any(SoldOut) })
})

test('the message alone suffices', async () => {
  const error = await caughtBy(byCall, 'range', ['c'])
  expect(error.message).toBe(`c (${c.id.slice(-8)}) raised RangeError: boom (by way of b)`)
})

test('a thousand calls that fail at once all get their errors', async () => {
  const calls = Array.from(
    { length: 1_000 },
    async (_, i) => await a.portalTo(b).run(raise, i % 2 ? 'range' : 'registered'),
  )
  const results = await within('all calls', Promise.allSettled(calls))
  for (const [i, result] of results.entries())
    expect(result).toMatchObject({ reason: { cause: { message: i % 2 ? 'boom' : 'no seats left' } } })
})
