import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MAX_CALLS_IN_FLIGHT } from '../../rpc/lane.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { secret } from './fixtures/backstage.ts'
import {
  add,
  addLater,
  count,
  echo,
  events,
  giveBytes,
  giveFunction,
  notExposed,
  nothing,
  resetStage,
  secondArgument,
  stage,
  ticker,
} from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage], 3)
  a = mesh.actors[0]!
  b = mesh.actors[1]!
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

describe('a call is like a local one', () => {
  test('sync and async functions give a promise of their value', async () => {
    const portal = a.portalTo(b)
    expect(await portal.run(add, 2, 3)).toBe(5)
    expect(await portal.run(addLater, 2, 3)).toBe(5)
    expect(await portal.run(nothing)).toBeUndefined()
  })

  test('a missing argument and undefined take the default', async () => {
    expect(await a.portalTo(b).run(secondArgument)).toBe('default')
    expect(await a.portalTo(b).run(secondArgument, undefined, undefined)).toBe('default')
    expect(await a.portalTo(b).run(secondArgument, 1, 'given')).toBe('given')
  })

  test('what structuredClone copies arrives as a copy', async () => {
    const value = {
      map: new Map<unknown, unknown>([[{ key: 1 }, new Set([1n, 'two'])]]),
      date: new Date(0),
      floats: new Float64Array([1.5, 2.5]),
      nested: [[{ a: undefined }]],
    }
    expect(await a.portalTo(b).run(echo<typeof value>, value)).toEqual(value)
  })

  test('an actor calls itself like any other, streams included, and shares nothing with itself', async () => {
    const portal = a.portalTo(a)
    const value = { list: [1] }
    const back = await portal.run(echo<typeof value>, value)
    expect(back).toEqual(value)
    expect(back).not.toBe(value)
    const items: number[] = []
    for await (const item of portal.run(count, 3_000)) items.push(item)
    expect(items).toHaveLength(3_000)
  })

  test('several callers at once get each their own answers', async () => {
    const portals = mesh.actors.flatMap((from) => mesh.actors.map((to) => from.portalTo(to)))
    const sums = portals.flatMap((portal, i) =>
      Array.from({ length: 100 }, async (_, j) => [await portal.run(i % 2 ? add : addLater, i, j), i + j]),
    )
    for (const [sum, expected] of await within('all calls', Promise.all(sums))) expect(sum).toBe(expected)
  })

  test('more calls at once than MAX_CALLS_IN_FLIGHT all get their answers', async () => {
    const portal = a.portalTo(b)
    const calls = Array.from({ length: MAX_CALLS_IN_FLIGHT + 1_000 }, async (_, i) => await portal.run(addLater, i, 1))
    const sums = await within('all calls', Promise.all(calls), 15_000)
    expect(sums).toEqual(calls.map((_, i) => i + 1))
  })

  test('many large answers at once all arrive: they wait for room instead of failing', async () => {
    const portal = a.portalTo(b)
    const size = 900_000
    const calls = Array.from({ length: 60 }, async () => (await portal.run(giveBytes, size)).byteLength)
    expect(await within('all calls', Promise.all(calls), 15_000)).toEqual(calls.map(() => size))
  })

  test('many large arguments at once all arrive', async () => {
    const portal = a.portalTo(b)
    const bytes = new Uint8Array(900_000).fill(7)
    const calls = Array.from({ length: 40 }, async () => (await portal.run(echo<Uint8Array>, bytes)).byteLength)
    expect(await within('all calls', Promise.all(calls), 15_000)).toEqual(calls.map(() => bytes.byteLength))
  })

  test('untyped calls by name are the same calls', async () => {
    const portal = a.portalTo(b)
    expect(await portal.call('stage#add', 2, 3)).toBe(5)
    const items: unknown[] = []
    for await (const item of portal.stream('stage#count', 2)) items.push(item)
    expect(items).toEqual([0, 1])
  })
})

describe('the allow-list', () => {
  test('a function that nobody exposed cannot be called, and the error says what to write', async () => {
    await expect(a.portalTo(b).describe()).resolves.not.toContainEqual({ id: 'stage#notExposed', kind: 'value' })
    expect(() => a.portalTo(b).run(notExposed)).toThrow('call expose(import.meta, { notExposed })')
  })

  test('a function of a module that the actor was not given cannot be called, though the process has it', async () => {
    const refused = a.portalTo(b).run(secret)
    await expect(refused).rejects.toMatchObject({
      code: 'REMOTE_ACTOR_ERROR',
      cause: { code: 'NOT_EXPOSED', functionName: 'backstage#secret' },
    })
    await expect(refused).rejects.toThrow('b does not expose backstage#secret (it serves stage)')
  })

  test.each([
    'stage#nobody',
    'stage#constructor',
    'stage#__proto__',
    'nowhere#add',
    'node:fs#readFileSync',
    '__proto__#toString',
    'self#cancelActor',
  ])('%s is not exposed', async (id) => {
    await expect(a.portalTo(b).call(id)).rejects.toMatchObject({ cause: { code: 'NOT_EXPOSED', functionName: id } })
    await expect(a.portalTo(b).stream(id).next()).rejects.toMatchObject({ cause: { code: 'NOT_EXPOSED' } })
  })

  test('a call of the wrong kind is refused with what to do', async () => {
    const portal = a.portalTo(b)
    await expect(portal.call('stage#count', 1)).rejects.toThrow('stage#count is a stream: call it as one')
    await expect(portal.stream('stage#add', 1, 2).next()).rejects.toThrow('is not an async function*')
  })

  test('describe() lists what is served, with its kind, and nothing else', async () => {
    const served = await a.portalTo(b).describe()
    expect(served).toContainEqual({ id: 'stage#add', kind: 'value' })
    expect(served).toContainEqual({ id: 'stage#count', kind: 'stream' })
    expect(served.every(({ id }) => id.startsWith('stage#'))).toBe(true)
  })
})

describe('what cannot travel', () => {
  test('an argument is refused with its path before the function runs', async () => {
    const call = a.portalTo(b).run(echo<unknown>, { options: { callback: () => {} } })
    await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(call).rejects.toThrow('args[0].options.callback is a function')
    await expect(a.portalTo(b).openContext(ticker, (() => 1) as never)).rejects.toThrow('args[0] is a function')
    expect(events).toEqual([])
  })

  test('a result is refused in the callee, and the caller hears of it', async () => {
    await expect(a.portalTo(b).run(giveFunction)).rejects.toThrow(
      'the result of stage#giveFunction.callback is a function',
    )
  })
})

describe('a portal', () => {
  test('it has the name and the id of its actor', () => {
    expect(a.portalTo(b)).toMatchObject({ name: 'b', id: b.id })
  })

  test('an actor without a main task has no result, and the error says which actors have one', () => {
    expect(() => a.portalTo(b).result()).toThrow(expect.objectContaining({ code: 'NO_MAIN_TASK' }))
    expect(a.rpc.portal(b.target, () => 7).result()).toBe(7)
  })

  test('a portal to an address where nobody answers raises ActorDied by its name', async () => {
    const nobody = a.rpc.portal({
      name: 'nobody',
      id: '12D3KooWQAkkhDpZQzpJDMcmXuxLXcKLwVmGFbPhZ2M9WhzJuC9T',
      addresses: ['/ip4/127.0.0.1/tcp/9'],
    })
    await expect(within('the call', nobody.run(add, 1, 1))).rejects.toMatchObject({
      code: 'ACTOR_DIED',
      actor: { name: 'nobody' },
    })
    await expect(within('the stream', nobody.run(count, 1).next())).rejects.toMatchObject({ code: 'ACTOR_DIED' })
  })
})
