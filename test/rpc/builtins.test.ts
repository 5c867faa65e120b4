import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelScope, currentScope } from '../../node/cancel-scope.ts'
import { InvalidArgument, NotExposed, RemoteActorError } from '../../node/errors.ts'
import { Builtins, type BuiltinTable, MAX_BUILTIN_CALLS } from '../../rpc/builtins.ts'
import { BUILTIN_NAMESPACE, expose } from '../../rpc/exposed.ts'
import { eventually } from '../support/eventually.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { add, resetStage, stage } from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
/** Who called what by hand, as the built-in functions of b heard it. */
const acts: unknown[] = []

beforeAll(async () => {
  mesh = await meshInProcess([stage])
  ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
  const note = (peer: string, functionId: unknown, as: unknown): void => void acts.push([peer, functionId, as])
  const table = {
    call: (peer, functionId, as, ...args) => {
      note(peer, functionId, as)
      return b.rpc.perform(peer, String(functionId), 'value', args)
    },
    stream: (peer, functionId, as, ...args) => {
      note(peer, functionId, as)
      return b.rpc.perform(peer, String(functionId), 'stream', args)
    },
    vitals: async (_peer, ms) => await new Promise((resolve) => setTimeout(resolve, Number(ms))),
  } as Partial<BuiltinTable> as BuiltinTable
  b.rpc.serveBuiltins(table)
})
afterAll(async () => {
  resetStage()
  await mesh[Symbol.asyncDispose]()
})

describe('what every actor answers', () => {
  test('a ping tells milliseconds, is no call of a function, and needs no module', async () => {
    const before = await a.portalTo(b).stats()
    const ms = await within('the ping', a.portalTo(b).ping())
    expect(ms).toBeGreaterThan(0)
    expect(ms).toBeLessThan(deadline(500))
    const { served, functions } = await a.portalTo(b).stats()
    expect(served.started).toBe(before.served.started)
    expect(functions.map(({ id }) => id).filter((id) => id.startsWith(BUILTIN_NAMESPACE))).toEqual([])
  })

  test('is not listed among the functions that it exposes, and no module can take its namespace', async () => {
    const listed = await a.portalTo(b).describe()
    expect(listed.filter(({ id }) => id.startsWith(`${BUILTIN_NAMESPACE}#`))).toEqual([])
    expect(() => expose(import.meta, { nothing: () => {} }, BUILTIN_NAMESPACE)).toThrow(InvalidArgument)
  })

  test('nothing else in that namespace can be called, nor in the wrong way', async () => {
    const portal = a.portalTo(b)
    for (const name of ['nothing', 'constructor', '__proto__', 'toString'])
      expect(await failureOf(portal.call(`${BUILTIN_NAMESPACE}#${name}`))).toMatchObject({
        cause: { code: 'NOT_EXPOSED' },
      })
    expect(await failureOf(portal.stream(`${BUILTIN_NAMESPACE}#ping`).next())).toMatchObject({
      cause: { code: 'INVALID_ARGUMENT' },
    })
  })

  test('a peer that asks too much at a time is refused, and others are not', async () => {
    const portal = a.portalTo(b)
    const asked = Array.from({ length: MAX_BUILTIN_CALLS + 3 }, async () => await portal.call('greenroom#vitals', 200))
    const outcomes = await Promise.allSettled(asked)
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(3)
    expect(refused[0]).toMatchObject({ reason: { cause: { limit: 'MAX_BUILTIN_CALLS' } } })
    expect(await portal.call('greenroom#vitals', 0)).toBeUndefined()
  })

  test('one that is asked before it knows what to do answers when it does', async () => {
    const builtins = new Builtins()
    const scope = new CancelScope()
    const asked = scope.run(() => builtins.find('greenroom#tree', 'walter')!.call(5)) as Promise<unknown>
    builtins.serve({ tree: (peer: string, ms: unknown) => [peer, ms] } as Partial<BuiltinTable> as BuiltinTable)
    expect(await asked).toEqual(['walter', 5])
  })
})

describe('a call by the text of its name', () => {
  test('gives the value of a function, counted as a call of it, and says who has called', async () => {
    acts.length = 0
    const before = (await a.portalTo(b).stats()).functions.find(({ id }) => id === 'stage#add')?.succeeded ?? 0
    expect(await a.portalTo(b).invoke('stage#add', [2, 3])).toEqual({ kind: 'value', value: 5 })
    expect(acts).toEqual([[a.id, 'stage#add', 'a']])
    const after = (await a.portalTo(b).stats()).functions.find(({ id }) => id === 'stage#add')
    expect(after?.succeeded).toBe(before + 1)
    expect(await a.portalTo(b).run(add, 2, 3)).toBe(5)
  })

  test('gives the items of a stream as they come, and leaving it ends the producer', async () => {
    const outcome = await a.portalTo(b).invoke('stage#count', [1_000_000])
    if (outcome.kind !== 'stream') throw new Error('count is a stream')
    const items: unknown[] = []
    for await (const item of outcome.items) {
      items.push(item)
      if (items.length === 3) break
    }
    expect(items).toEqual([0, 1, 2])
    await eventually('the call of count has ended', async () => {
      const { functions } = await a.portalTo(b).stats()
      return functions.find(({ id }) => id === 'stage#count')?.cancelled === 1
    })
  })

  test('that is cancelled reaches the function', async () => {
    const scope = new CancelScope(currentScope())
    const hanging = scope.run(async () => await a.portalTo(b).invoke('stage#hang'))
    await eventually('hang runs', () => b.rpc.underWay().served.some(({ functionId }) => functionId === 'stage#hang'))
    scope.cancel('enough')
    expect(await failureOf(hanging)).toMatchObject({ code: 'CANCELLED' })
    expect(b.rpc.underWay().served.filter(({ functionId }) => functionId === 'stage#hang')).toEqual([])
  })

  test('that raises is told as any other error is', async () => {
    const failure = await failureOf(a.portalTo(b).invoke('stage#raise', ['range']))
    expect(failure).toBeInstanceOf(RemoteActorError)
    expect(failure).toMatchObject({ cause: new RangeError('boom') })
  })

  test('of an unknown name says what there is, and nothing is called', async () => {
    acts.length = 0
    const failure = await failureOf(a.portalTo(b).invoke('stage#ad'))
    expect(failure).toBeInstanceOf(NotExposed)
    expect(String(failure)).toContain('b does not expose stage#ad: it exposes stage#')
    expect(String(failure)).toContain('(a stream)')
    expect(acts).toEqual([])
    expect(await failureOf(a.portalTo(b).invoke('no name'))).toBeInstanceOf(InvalidArgument)
    expect(await failureOf(a.portalTo(b).invoke('stage#add', 5 as never))).toBeInstanceOf(InvalidArgument)
  })

  test('cannot reach what the actor does not serve, whatever the process has exposed', async () => {
    const sent = a.portalTo(b).call('greenroom#call', 'backstage#secret', 'a')
    expect(await failureOf(sent)).toMatchObject({ cause: { code: 'NOT_EXPOSED' } })
  })
})
