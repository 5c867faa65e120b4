import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MAX_STREAMS_PER_PEER } from '../../node/host.ts'
import { cancelScope } from '../../node/scopes.ts'
import { WINDOW_ITEMS } from '../../rpc/item-sender.ts'
import { eventually } from '../support/eventually.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import {
  add,
  choir,
  contextThatHangs,
  doubler,
  events,
  neverStarts,
  neverStartsAndHangs,
  raisesAfterStart,
  raisesBeforeStart,
  raisesInCleanUp,
  resetStage,
  SoldOut,
  stage,
  startedThenDone,
  startsTwice,
  ticker,
} from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage])
  ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

/** The function over there runs: a cancel before that would leave it nothing to clean up. */
const begun = async (): Promise<unknown> => await eventually('it has begun', () => events.length === 1)

describe.each([
  ['another actor', () => a.portalTo(b)],
  ['the actor itself', () => a.portalTo(a)],
])('with %s', (_, portal) => {
  test('openContext waits for started() and gives its value; stream and result follow', async () => {
    await using context = await portal().openContext(ticker, 3_000)
    expect(context.started).toBe('ticking')
    expect(await within('the stream', collect(context.stream()))).toHaveLength(3_000)
    expect(await context.result()).toBe('done')
    expect(await context.result()).toBe('done')
  })

  test('both sides talk at once until the caller says that it sends no more', async () => {
    await using context = await portal().openContext(doubler)
    const stream = context.stream()
    const talking = (async () => {
      for (let i = 0; i < 3 * WINDOW_ITEMS; i++) await stream.send(i)
      stream.end()
    })()
    const doubled = await within('the answers', collect(stream))
    await talking
    expect(doubled).toEqual(Array.from({ length: 3 * WINDOW_ITEMS }, (__, i) => 2 * i))
    expect(await context.result()).toBe(3 * WINDOW_ITEMS)
  })

  test('several tasks send on one context, each one keeps its order', async () => {
    await using context = await portal().openContext(choir, 1_500)
    const lines = await within('the choir', collect(context.stream()))
    for (const voice of ['alto', 'tenor', 'bass'])
      expect(lines.filter(([who]) => who === voice).map(([, i]) => i)).toEqual(
        Array.from({ length: 1_500 }, (__, i) => i),
      )
    expect(lines).toHaveLength(4_500)
  })

  test('a function that starts and returns at once has started and returned', async () => {
    for (let i = 0; i < 50; i++) {
      await using context = await portal().openContext(startedThenDone)
      expect(context.started).toEqual({ port: 7 })
      expect(await context.result()).toBe('at once')
    }
  })

  test('a function that ends before it starts is an error that says so', async () => {
    const opening = portal().openContext(neverStarts)
    await expect(within('the context', opening)).rejects.toMatchObject({ code: 'NOT_STARTED' })
    await expect(opening).rejects.toThrow('stage#neverStarts ended before it called started()')
  })

  test('an error before started() is the error of openContext', async () => {
    const opening = portal().openContext(raisesBeforeStart)
    await expect(within('the context', opening)).rejects.toMatchObject({ cause: expect.any(SoldOut) })
  })

  test('an error after started() is the error of the result, and ends the stream', async () => {
    await using context = await portal().openContext(raisesAfterStart)
    const reading = collect(context.stream())
    await expect(within('the result', context.result())).rejects.toMatchObject({ cause: expect.any(SoldOut) })
    await expect(within('the stream', reading)).rejects.toMatchObject({ cause: expect.any(SoldOut) })
  })

  test('started() is called once', async () => {
    const opened = portal().openContext(startsTwice)
    const failure = opened.then(async (context) => await context.result())
    await expect(within('the context', failure)).rejects.toThrow('started already')
  })

  test('leaving a context cancels the remote function and waits for its clean-up', async () => {
    {
      await using context = await portal().openContext(contextThatHangs)
      expect(context.started).toBeUndefined()
      await begun()
    }
    expect(events).toEqual(['context began', 'context cleaned up: the caller'])
  })

  test('a scope that ends before started() cancels the remote function and waits for its clean-up', async () => {
    const { cancelled } = await within(
      'the scope',
      cancelScope(async (scope) => {
        void begun().then(() => scope.cancel())
        await portal().openContext(neverStartsAndHangs)
      }),
    )
    expect(cancelled).toBe(true)
    expect(events).toEqual(['unstarted began', expect.stringContaining('unstarted cleaned up')])
  })

  test('a scope that ends later ends the result', async () => {
    const { cancelled } = await within(
      'the scope',
      cancelScope(async (scope) => {
        void begun().then(() => scope.cancel())
        await (await portal().openContext(contextThatHangs)).result()
      }),
    )
    expect(cancelled).toBe(true)
    expect(events).toEqual(['context began', expect.stringContaining('context cleaned up')])
  })
})

describe('a slow side', () => {
  test('a caller that does not read stops the function within the window, and delays no call', async () => {
    await using context = await a.portalTo(b).openContext(ticker, 1_000_000)
    expect(await within('a call', a.portalTo(b).run(add, 1, 2))).toBe(3)
    const iterator = context.stream()[Symbol.asyncIterator]()
    for (let i = 0; i < 3_000; i++) expect(await iterator.next()).toEqual({ done: false, value: i })
  })
})

describe('a failure that nobody has read', () => {
  test('is raised when the context is left', async () => {
    const leaving = (async () => {
      await using context = await a.portalTo(b).openContext(raisesAfterStart)
      await eventually('it has raised', async () => (await a.portalTo(b).run(add, 1, 1)) === 2)
      for (let i = 0; i < 20; i++) await a.portalTo(b).run(add, 1, 1)
      expect(context.started).toBeUndefined()
    })()
    await expect(within('the context', leaving)).rejects.toMatchObject({ cause: expect.any(SoldOut) })
  })

  test('is raised when the clean-up of a function that was left fails', async () => {
    const leaving = (async () => {
      await using context = await a.portalTo(b).openContext(raisesInCleanUp)
      expect(context.started).toBeUndefined()
    })()
    await expect(within('the context', leaving)).rejects.toMatchObject({ cause: { message: 'in clean-up' } })
  })

  test('is not raised a second time when the result or the stream has told it', async () => {
    for (const read of ['result', 'stream'] as const) {
      const context = await a.portalTo(b).openContext(raisesAfterStart)
      const telling: Promise<unknown> = read === 'result' ? context.result() : collect(context.stream())
      await expect(within('what tells it', telling)).rejects.toMatchObject({ cause: expect.any(SoldOut) })
      await within('the disposal', context[Symbol.asyncDispose]())
    }
  })
})

describe('after the end', () => {
  test('what the function sent before it returned can be read after its result', async () => {
    await using context = await a.portalTo(b).openContext(ticker, 500)
    expect(await within('the result', context.result())).toBe('done')
    expect(await within('the stream', collect(context.stream()))).toHaveLength(500)
  })

  test('sending to a function that has returned is an error', async () => {
    await using context = await a.portalTo(b).openContext(startedThenDone)
    await context.result()
    const sending = (async () => await (context.stream() as { send(value: unknown): Promise<void> }).send(1))()
    await expect(sending).rejects.toThrow(/ended|left/)
  })

  test('sending after end() is an error', async () => {
    await using context = await a.portalTo(b).openContext(doubler)
    const stream = context.stream()
    stream.end()
    await expect(stream.send(1)).rejects.toThrow('nothing can be sent after end()')
    expect(await context.result()).toBe(0)
  })

  test('a context that nobody disposes of leaves nothing behind once its function has returned', async () => {
    for (let i = 0; i < MAX_STREAMS_PER_PEER + 100; i++) {
      const context = await a.portalTo(b).openContext(startedThenDone)
      await context.result()
    }
  })
})
