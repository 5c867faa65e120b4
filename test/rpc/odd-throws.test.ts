import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moveOnAfter, sleep } from '../../node/scopes.ts'
import { expose } from '../../rpc/exposed.ts'
import { failureOf } from '../support/failure-of.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'

const touched = (): never => {
  throw new Error('touched')
}
/** Whatever one does to it raises. */
const untouchable = (target: object): object =>
  new Proxy(target, {
    get: touched,
    has: touched,
    getPrototypeOf: touched,
    ownKeys: touched,
    getOwnPropertyDescriptor: touched,
  })
const withGetter = (name: string): Error => Object.defineProperty(new Error('odd'), name, { get: touched })

const odd: Record<string, () => unknown> = {
  'a proxy': () => untouchable({}),
  'a proxy of an error': () => untouchable(new Error('odd')),
  'a proxy of a function': () => untouchable(() => {}),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'an error whose name raises': () => withGetter('name'),
  'an error whose message raises': () => withGetter('message'),
  'an error whose cause raises': () => withGetter('cause'),
  'an AggregateError whose errors raise': () =>
    Object.defineProperty(new AggregateError([]), 'errors', { get: touched }),
  'an AggregateError of itself': () => {
    const error = new AggregateError([])
    error.errors.push(error)
    return error
  },
  undefined: () => undefined,
  'a symbol': () => Symbol('odd'),
  'an object without a prototype': () => Object.create(null) as unknown,
  // oxlint-disable-next-line no-thenable -- that is the case
  'a thenable': () => ({ then: touched }),
}

function raiseAtOnce(what: string): never {
  throw odd[what]!()
}
async function raiseLater(what: string): Promise<never> {
  await Promise.resolve()
  throw odd[what]!()
}
async function* raiseInStream(what: string): AsyncGenerator<number> {
  yield 1
  throw odd[what]!()
}
async function raiseWhenCancelled(what: string): Promise<void> {
  try {
    await sleep(1_000_000)
  } finally {
    // oxlint-disable-next-line no-unsafe-finally -- that is the case
    throw odd[what]!()
  }
}
async function sleepThen(ms: number): Promise<string> {
  await sleep(ms)
  return 'unharmed'
}
const stage = expose(
  import.meta,
  { raiseAtOnce, raiseLater, raiseInStream, raiseWhenCancelled, sleepThen },
  'odd-throws',
)

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
beforeAll(async () => {
  mesh = await meshInProcess([stage])
  ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())

describe.each(Object.keys(odd))('%s that a function throws reaches its caller, and harms no other call:', (what) => {
  const portal = () => a.portalTo(b)

  test.each<[string, () => Promise<unknown>]>([
    ['at once', async () => await portal().run(raiseAtOnce, what)],
    ['later', async () => await portal().run(raiseLater, what)],
    ['in a stream', async () => await Array.fromAsync(portal().run(raiseInStream, what))],
    [
      'in answer to a cancel',
      async () => await moveOnAfter(30, async () => await portal().run(raiseWhenCancelled, what)),
    ],
    ['in an actor that calls itself', async () => await a.portalTo(a).run(raiseAtOnce, what)],
  ])('%s', async (_, call) => {
    const other = portal().run(sleepThen, 60)
    expect(await within('the call', failureOf(call()))).toMatchObject({ code: 'REMOTE_ACTOR_ERROR' })
    expect(await within('another call', other)).toBe('unharmed')
  })
})
