import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { STREAM_PROTOCOL } from '../../rpc/protocol.ts'
import { MAX_PIECE_BYTES, MAX_VALUE_BYTES } from '../../rpc/protocol.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { listeners, relay, take, upper } from './fixtures/listeners.ts'
import { add, echo, events, giveBytes, hang, resetStage, secondArgument, stage } from './fixtures/stage.ts'

const MIB = 1024 * 1024

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage, listeners])
  ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

async function* words(...list: string[]): AsyncGenerator<string> {
  for (const word of list) yield await Promise.resolve(word)
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

const openStreams = async (): Promise<number> =>
  (await a.host.connect(b.id, [])).streams.filter(({ protocol }) => protocol === STREAM_PROTOCOL).length

describe.each([
  ['another actor', () => a.portalTo(b)],
  ['the actor itself', () => a.portalTo(a)],
])('values too large for the lane, with %s', (_, portal) => {
  test.each([MAX_PIECE_BYTES - 64, MAX_PIECE_BYTES, MIB, 5 * MIB])(
    'arguments and results of %i bytes arrive whole',
    async (size) => {
      const text = 'x'.repeat(size)
      expect(await within('the call', portal().run(echo<string>, text))).toBe(text)
      expect(await within('the bytes', portal().run(giveBytes, size))).toHaveLength(size)
    },
  )

  test('several arguments, shared parts and all, go together', async () => {
    const shared = { text: 'y'.repeat(MIB) }
    const [left, right] = (await within('the call', portal().run(echo, [shared, shared]))) as [object, object]
    expect(left).toEqual(shared)
    expect(left).toBe(right)
    expect(await portal().run(secondArgument, 'z'.repeat(MIB), 'small')).toBe('small')
  })

  test('beside arguments that stream, to a stream and to a context', async () => {
    const taken = portal().run(take<string>, words('a', 'x'.repeat(2 * MIB)), 2)
    expect((await within('the items', taken)).map(({ length }) => length)).toEqual([1, 2 * MIB])
    const stream = portal().stream('listeners#upper', words('a', 'b'), 'x'.repeat(2 * MIB))
    expect(await within('the stream', collect(stream))).toEqual(['A', 'B'])
    await using context = await portal().openContext(
      relay as (...args: [...Parameters<typeof relay>, string]) => Promise<number>,
      words('c'),
      'x'.repeat(2 * MIB),
    )
    expect(await within('the context', collect(context.stream()))).toEqual(['c'])
  })
})

test('what is changed after the call was made does not change what travels', async () => {
  const bytes = new Uint8Array(2 * MIB)
  const call = a.portalTo(b).run(echo, bytes)
  bytes.fill(1)
  expect(((await within('the call', call)) as Uint8Array)[MIB]).toBe(0)
})

test('above MAX_VALUE_BYTES arguments and results are refused by name, and the message says to stream them', async () => {
  const tooLarge = new Uint8Array(MAX_VALUE_BYTES)
  await expect(a.portalTo(b).run(echo, tooLarge)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    limit: 'MAX_VALUE_BYTES',
  })
  await expect(a.portalTo(b).run(echo, tooLarge)).rejects.toThrow(/arguments of stage#echo .*stream it/)
  await expect(a.portalTo(b).run(giveBytes, MAX_VALUE_BYTES)).rejects.toMatchObject({
    cause: { code: 'LIMIT_EXCEEDED', limit: 'MAX_VALUE_BYTES' },
  })
  await expect(a.portalTo(b).run(giveBytes, MAX_VALUE_BYTES)).rejects.toThrow('the result of stage#giveBytes')
  expect(await a.portalTo(b).run(add, 1, 1)).toBe(2)
})

test('many at once in both directions, more than their budget, all arrive, and small calls pass them', async () => {
  const each = 50 * MIB
  const large = Array.from({ length: 8 }, async (_, i) =>
    i < 6 ? await a.portalTo(b).run(giveBytes, each) : await b.portalTo(a).run(giveBytes, each),
  )
  expect(await within('a small call', a.portalTo(b).run(add, 1, 2))).toBe(3)
  const all = await within('the large ones', Promise.all(large), 60_000)
  expect(all.map(({ byteLength }) => byteLength)).toEqual(Array.from({ length: 8 }, () => each))
}, 70_000)

test('a call that is cancelled while its arguments or its result are under way leaves nothing', async () => {
  for (const large of [
    async () => await a.portalTo(b).run(echo, new Uint8Array(40 * MIB)),
    async () => await a.portalTo(b).run(giveBytes, 40 * MIB),
  ]) {
    const scope = new CancelScope()
    const call = scope.run(large)
    call.catch(() => {})
    await eventually('it is under way', async () => (await openStreams()) > 0)
    scope.cancel('enough')
    await expect(within('the call', call)).rejects.toBe(scope.reason)
    await eventually('no stream is open', async () => (await openStreams()) === 0)
  }
  expect(await a.portalTo(b).run(upper, words('still here')).next()).toMatchObject({ value: 'STILL HERE' })
})

test('a task whose arguments are large is cancelled like others', async () => {
  const scope = new CancelScope()
  const call = scope.run(async () => await a.portalTo(b).run(hang, 'h'.repeat(MIB)))
  await eventually('it hangs', () => events.length === 1)
  scope.cancel('enough')
  await expect(within('the call', call)).rejects.toBe(scope.reason)
  expect(events).toHaveLength(2)
})

describe('a death', () => {
  expectNothingLeft()

  test('while a large value is under way rejects the call with ActorDied', async () => {
    await using fresh = await meshInProcess([stage])
    const [first, second] = fresh.actors as [InProcessActor, InProcessActor]
    await first.portalTo(second).run(add, 1, 1)
    const calls = [
      first.portalTo(second).run(echo, new Uint8Array(60 * MIB)),
      first.portalTo(second).run(giveBytes, 60 * MIB),
    ]
    for (const call of calls) call.catch(() => {})
    await first.portalTo(second).run(add, 1, 1)
    await second.die()
    for (const call of calls)
      await expect(within('the call', call)).rejects.toMatchObject({ code: 'ACTOR_DIED', actor: { id: second.id } })
  })
})
