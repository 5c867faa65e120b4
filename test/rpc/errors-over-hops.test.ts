import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RemoteActorError } from '../../node/errors.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { portals, raise, raiseAlong, resetStage, SoldOut, stage } from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage], 3)
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(() => {
  resetStage()
  portals.set('a', c.portalTo(a)).set('c', b.portalTo(c))
})

/** What the caller catches when the last of some actors raises. */
async function caught(kind: string, ...along: string[]): Promise<RemoteActorError> {
  const call = a.portalTo(b).run(raiseAlong, along, kind)
  const error = await within('the call', call).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(RemoteActorError)
  return error as RemoteActorError
}

describe.each([
  ['one hop', [], 'b', ['b']],
  ['two hops', ['c'], 'c', ['c', 'b']],
  ['three hops', ['c', 'a'], 'a', ['a', 'c', 'b']],
])('over %s', (_, along, origin, path) => {
  test('origin and path are those of the actors that it came from and by', async () => {
    const error = await caught('range', ...along)
    const { name, id } = mesh.actors.find((actor) => actor.name === origin)!
    expect(error.origin).toEqual({ name, id })
    expect(error.path).toEqual(path)
    expect(error.code).toBe('REMOTE_ACTOR_ERROR')
  })

  test('the cause is the rebuilt error, with its own cause and the stack of where it was raised', async () => {
    const error = await caught('range', ...along)
    expect(error.cause).toBeInstanceOf(RangeError)
    expect((error.cause as Error).cause).toBeInstanceOf(TypeError)
    expect(error.remoteStack).toContain('at raise')
  })

  test('a registered class is itself, an unknown one keeps its name', async () => {
    const registered = (await caught('registered', ...along)).cause
    expect(registered).toBeInstanceOf(SoldOut)
    expect(registered).toMatchObject({ seats: 3, message: 'no seats left' })
    const unregistered = (await caught('unregistered', ...along)).cause
    expect(unregistered).toBeInstanceOf(RangeError)
    expect(unregistered).toMatchObject({ name: 'Unregistered', message: 'who am I' })
  })

  test('an AggregateError keeps its errors', async () => {
    const { errors } = (await caught('aggregate', ...along)).cause as AggregateError
    expect(errors[0]).toBeInstanceOf(RangeError)
    expect(errors[1]).toBeInstanceOf(SoldOut)
  })

  test('a thrown value that is no error arrives as it is', async () => {
    expect((await caught('value', ...along)).cause).toEqual({ reason: 'no error' })
  })

  test('what cannot travel is left out', async () => {
    const { cause } = await caught('odd', ...along)
    expect(cause).toMatchObject({ message: 'odd', fine: 1 })
    expect(cause).not.toHaveProperty('callback')
  })

  test('an error larger than a frame still arrives, with its class and the start of its message', async () => {
    const error = await caught('huge', ...along)
    expect(error.cause).toBeInstanceOf(RangeError)
    expect((error.cause as Error).message).toMatch(/^x{4000}/)
    expect(error.path).toEqual(path)
  })
})

test('an error of an actor that calls itself is a remote error as well', async () => {
  const call = a.portalTo(a).run(raise, 'registered')
  await expect(call).rejects.toMatchObject({ origin: { name: 'a' }, path: ['a'], cause: expect.any(SoldOut) })
})

test('the message alone suffices', async () => {
  const error = await caught('range', 'c')
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
