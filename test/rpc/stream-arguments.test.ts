import { Readable } from 'node:stream'
import { pipe } from 'it-pipe'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { currentScope } from '../../node/cancel-scope.ts'
import { Cancelled } from '../../node/errors.ts'
import { MAX_STREAMS_PER_PEER } from '../../node/host.ts'
import { cancelScope, failAfter, shield, sleep } from '../../node/scopes.ts'
import { SOURCE_RETURN_MS } from '../../rpc/argument-pumps.ts'
import { WINDOW_ITEMS } from '../../rpc/item-sender.ts'
import { MAX_STREAM_ARGUMENTS, STREAM_PROTOCOL } from '../../rpc/protocol.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import {
  cancelReader,
  count,
  deafFor,
  describeFailure,
  heard,
  ignore,
  listen,
  listeners,
  relay,
  shape,
  sum,
  sumAlong,
  take,
  takeThenHang,
  translateFailure,
  upper,
  ways,
  zip,
} from './fixtures/listeners.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([listeners], 3)
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(() => {
  heard.length = 0
  ways.clear()
})

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

async function* numbers(to: number): AsyncGenerator<number> {
  for (let i = 0; i < to; i++) yield await Promise.resolve(i)
}

async function* words(...list: string[]): AsyncGenerator<string> {
  for (const word of list) yield await Promise.resolve(word)
}

/** Yields without end, and notes how far it came and that it was left. */
function endless(): { source: AsyncGenerator<number>; progress: { yielded: number } } {
  const progress = { yielded: 0 }
  async function* source(): AsyncGenerator<number> {
    try {
      for (;;) {
        yield progress.yielded
        progress.yielded += 1
        if (progress.yielded % 50 === 0) await sleep(0)
      }
    } finally {
      await shield(1_000, async () => await sleep(10))
      heard.push(`source left: ${currentScope().reason?.by ?? 'nobody'}`)
    }
  }
  return { source: source(), progress }
}

/** Yields one item, then waits until it is cancelled. */
async function* oneThenWait(): AsyncGenerator<number> {
  try {
    yield 1
    await sleep(1_000_000)
  } finally {
    heard.push(`source left: ${currentScope().reason?.by ?? 'nobody'}`)
  }
}

const boom = new RangeError('the source broke')
async function* breaks(after: number): AsyncGenerator<number> {
  yield* numbers(after)
  throw boom
}

const streamsTo = async (from: InProcessActor, to: InProcessActor): Promise<number> =>
  (await from.host.connect(to.id, [])).streams.filter(({ protocol }) => protocol === STREAM_PROTOCOL).length

describe.each([
  ['another actor', () => a.portalTo(b)],
  ['the actor itself', () => a.portalTo(a)],
])('an argument that streams to %s', (_, portal) => {
  test('arrives item by item, in order, more than a window of them', async () => {
    const items = 5 * WINDOW_ITEMS
    expect(await within('the sum', portal().run(sum, numbers(items)))).toBe((items * (items - 1)) / 2)
  })

  test('may be empty', async () => {
    expect(await within('the sum', portal().run(sum, numbers(0)))).toBe(0)
  })

  test('and a result that streams go on at once', async () => {
    const shouting = portal().run(upper, words('hi', 'my', 'name'))
    expect(await within('the words', collect(shouting))).toEqual(['HI', 'MY', 'NAME'])
  })

  test('keeps step with the result: an item goes out after the answer to the one before', async () => {
    const asked: string[] = []
    let answer = Promise.withResolvers<void>()
    async function* questions(): AsyncGenerator<string> {
      for (const word of ['one', 'two', 'three']) {
        asked.push(word)
        yield word
        await answer.promise
        answer = Promise.withResolvers()
      }
    }
    const answered: string[] = []
    for await (const word of portal().run(upper, questions())) {
      answered.push(word)
      expect(asked).toHaveLength(answered.length)
      answer.resolve()
    }
    expect(answered).toEqual(['ONE', 'TWO', 'THREE'])
  })

  test('one iterator that is given as two arguments is split: each item goes to one of them, none to both', async () => {
    const source = numbers(100)
    const pairs = await within('the pairs', collect(portal().run(zip, source, source)))
    const seen = pairs.flat().map(Number)
    expect(pairs.length).toBeGreaterThan(0)
    expect(new Set(seen).size).toBe(seen.length)
    for (const side of [0, 1] as const) {
      const items = (pairs as [number, number][]).map((pair) => pair[side])
      expect(items).toEqual(items.toSorted((x, y) => x - y))
    }
  })

  test('may stand beside others, streams or values', async () => {
    const pairs = portal().run(zip<number, string>, numbers(10), words('a', 'b', 'c'))
    expect(await within('the pairs', collect(pairs))).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ])
    expect(await portal().run(take<number>, numbers(1_000), 3)).toEqual([0, 1, 2])
  })

  test('a context takes one as well', async () => {
    await using context = await portal().openContext(relay, words('hi', 'ho'))
    expect(await within('the items', collect(context.stream()))).toEqual(['hi', 'ho'])
    expect(await context.result()).toBe(2)
  })

  test('that raises makes the callee’s loop raise, with the caller as the origin', async () => {
    expect(await within('the call', portal().run(describeFailure, breaks(3)))).toEqual({
      code: 'REMOTE_ACTOR_ERROR',
      origin: 'a',
      cause: 'the source broke',
      range: true,
    })
  })

  test('that raises gives the caller its own error back when the callee lets it through', async () => {
    await expect(within('the call', portal().run(sum, breaks(2_000)))).rejects.toBe(boom)
    await expect(within('the stream', collect(portal().run(zip, breaks(3), numbers(9))))).rejects.toBe(boom)
    const context = await portal().openContext(relay, breaks(0) as unknown as AsyncIterable<string>)
    await expect(within('the context', context.result())).rejects.toBe(boom)
  })

  test('that raises is the cause of what the callee raises instead', async () => {
    await expect(within('the call', portal().run(translateFailure, breaks(1)))).rejects.toMatchObject({
      origin: { name: portal().name },
      cause: { message: 'the source was bad', cause: { cause: { message: 'the source broke' } } },
    })
  })
})

describe('what streams', () => {
  test('an async iterable of any kind: an object, a stream of Node, a part of an it-pipe', async () => {
    const object = { [Symbol.asyncIterator]: () => numbers(4) }
    expect(await a.portalTo(b).run(sum, object)).toBe(6)
    expect(await a.portalTo(b).run(shape, Readable.from([Buffer.from('abc'), Buffer.from('de')]))).toEqual([
      'false',
      'bytes 3',
      'bytes 2',
    ])
    const shouted = await pipe(
      words('do', 're'),
      (source: AsyncIterable<string>) => a.portalTo(b).run(upper, source),
      collect<string>,
    )
    expect(shouted).toEqual(['DO', 'RE'])
  })

  test('a ReadableStream arrives as one', async () => {
    const source = new ReadableStream<number>({
      start(controller) {
        for (const number of [1, 2, 3]) controller.enqueue(number)
        controller.close()
      },
    })
    expect(await within('the call', a.portalTo(b).run(shape, source))).toEqual(['true', '1', '2', '3'])
  })

  test('a ReadableStream that the callee cancels is cancelled at the caller', async () => {
    let cancelled = false
    let next = 0
    const source = new ReadableStream<number>(
      { pull: (controller) => controller.enqueue(next++), cancel: () => void (cancelled = true) },
      { highWaterMark: 0 },
    )
    expect(await within('the call', a.portalTo(b).run(cancelReader, source))).toBe(0)
    expect(cancelled).toBe(true)
  })

  test('a stream of another actor goes on to a third one', async () => {
    const shouted = a.portalTo(c).run(upper, a.portalTo(b).run(upper, words('x', 'y')))
    expect(await within('the words', collect(shouted))).toEqual(['X', 'Y'])
  })

  test('an argument is passed on along a chain of actors', async () => {
    ways.set('c', b.portalTo(c))
    ways.set('a', c.portalTo(a))
    expect(await within('the sum', a.portalTo(b).run(sumAlong, ['c', 'a'], numbers(3_000)))).toBe(4_498_500)
    await expect(within('the failure', a.portalTo(b).run(sumAlong, ['c', 'a'], breaks(9)))).rejects.toBe(boom)
  })

  test('MAX_STREAM_ARGUMENTS of them stream at once, one more is refused by name', async () => {
    const many = (n: number): AsyncIterable<unknown>[] => Array.from({ length: n }, (_, i) => numbers(100 + i))
    const counts = await within('the counts', a.portalTo(b).run(count, ...many(MAX_STREAM_ARGUMENTS)))
    expect(counts).toEqual(Array.from({ length: MAX_STREAM_ARGUMENTS }, (_, i) => 100 + i))
    await expect(a.portalTo(b).run(count, ...many(MAX_STREAM_ARGUMENTS + 1))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: 'MAX_STREAM_ARGUMENTS',
    })
  })

  test('one inside another value is refused with its path, before anything is sent', async () => {
    const nested = a.portalTo(b).run(ignore, { deep: [numbers(1)] } as unknown as AsyncIterable<unknown>)
    await expect(nested).rejects.toThrow(/args\[0\]\.deep\[0\] is .*only an async argument itself/)
  })

  test('a ReadableStream that somebody else reads is refused', async () => {
    const source = new ReadableStream<number>()
    source.getReader()
    await expect(a.portalTo(b).run(ignore, source)).rejects.toThrow('args[0] is a ReadableStream that is locked')
  })

  test('an item that cannot travel breaks the stream with an error that names it, and ends the source', async () => {
    async function* bad(): AsyncGenerator<unknown> {
      try {
        yield { f: () => {} }
      } finally {
        heard.push('bad source left')
      }
    }
    await expect(within('the call', a.portalTo(b).run(listen, bad()))).rejects.toThrow('item.f is a function')
    expect(heard).toContain('bad source left')
  })
})

describe('a consumer that', () => {
  test('leaves ends the source: its finally has run when the call is over', async () => {
    expect(await within('the call', a.portalTo(b).run(take, endless().source, 3))).toEqual([0, 1, 2])
    expect(heard).toEqual(['source left: the callee'])
  })

  test('leaves while its call goes on ends the source at once, also one that waits', async () => {
    const controller = new AbortController()
    const call = a.portalTo(b).with({ signal: controller.signal }).run(takeThenHang, oneThenWait(), 1)
    call.catch(() => {})
    await eventually('the source is left', () => heard.includes('source left: the callee'))
    await eventually('the callee goes on', () => heard.includes('it hangs'))
    controller.abort()
    await expect(within('the call', call)).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('never reads does not hold up the end of the call', async () => {
    expect(await within('the call', a.portalTo(b).run(ignore, oneThenWait()))).toBe('ignored')
    expect(await within('the call', a.portalTo(b).run(ignore, new Readable({ read: () => {} })))).toBe('ignored')
    expect(await within('the call', a.portalTo(b).run(ignore, new ReadableStream()))).toBe('ignored')
    expect(await within('the call', a.portalTo(b).run(take, endless().source, 0))).toEqual([])
  })

  test('does not read stops the source within the window, and delays no other call', async () => {
    const { source, progress } = endless()
    const controller = new AbortController()
    const call = a.portalTo(b).with({ signal: controller.signal }).run(ignore, source, 1_000_000)
    call.catch(() => {})
    await eventually('the source comes to a window of items', () => progress.yielded >= WINDOW_ITEMS - 1)
    for (let i = 0; i < 100; i++) expect(await a.portalTo(b).run(take, numbers(2), 1)).toEqual([0])
    expect(progress.yielded).toBeLessThanOrEqual(WINDOW_ITEMS + 1)
    controller.abort()
    await expect(within('the call', call)).rejects.toMatchObject({ name: 'AbortError' })
    expect(heard).toEqual(['source left: the caller'])
  })

  test('leaves a result that streams ends the source as well', async () => {
    async function* forever(): AsyncGenerator<string> {
      for await (const item of endless().source) yield String(item)
    }
    for await (const word of a.portalTo(b).run(upper, forever())) if (word === '5') break
    await eventually('the source is left', () => heard.length === 1)
  })
})

describe('a call that is cancelled ends its sources and its consumer', () => {
  const endings: [string, string | RegExp, () => Promise<unknown>][] = [
    [
      'by a scope',
      'source left: donny, listener cleaned up: donny',
      async () => {
        const { cancelled } = await cancelScope(async (scope) => {
          void eventually('it listens', () => heard.includes('heard 1')).then(() =>
            scope.cancel(new Cancelled('donny', 'enough')),
          )
          await a.portalTo(b).run(listen, oneThenWait())
        })
        expect(cancelled).toBe(true)
      },
    ],
    [
      'by a deadline',
      /^source left: .+, listener cleaned up: .+$/,
      async () => {
        const late = failAfter(100, async () => await a.portalTo(b).run(listen, oneThenWait()))
        await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      },
    ],
    [
      'by a signal',
      'source left: the caller, listener cleaned up: the caller',
      async () => {
        const controller = new AbortController()
        const call = a.portalTo(b).with({ signal: controller.signal }).run(listen, oneThenWait())
        await eventually('it listens', () => heard.includes('heard 1'))
        controller.abort(boom)
        await expect(call).rejects.toBe(boom)
      },
    ],
    [
      'by the disposal of its portal',
      'source left: the caller, listener cleaned up: the caller',
      async () => {
        const portal = a.portalTo(b)
        const call = portal.run(listen, oneThenWait())
        call.catch(() => {})
        await eventually('it listens', () => heard.includes('heard 1'))
        await portal[Symbol.asyncDispose]()
        await expect(call).rejects.toMatchObject({ code: 'CANCELLED', why: 'the portal was disposed' })
      },
    ],
  ]

  test.each(endings)('%s', async (_, by, end) => {
    await within('the end', end())
    const left = heard.filter((line) => line.startsWith('source left'))
    const cleaned = heard.filter((line) => line.startsWith('listener cleaned up'))
    expect([left.length, cleaned.length]).toEqual([1, 1])
    expect([...left, ...cleaned].join(', ')).toMatch(by)
  })

  test('and waits no longer than SOURCE_RETURN_MS for a source that does not let go', async () => {
    const stuck: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => await Promise.resolve({ done: false, value: 1 }),
        return: async () => await new Promise<never>(() => {}),
      }),
    }
    const start = performance.now()
    expect(await within('the call', a.portalTo(b).run(take, stuck, 1))).toEqual([1])
    expect(performance.now() - start).toBeLessThan(deadline(SOURCE_RETURN_MS + 1_000))
  })

  test('an error in the clean-up of a source that was left is the error of a call that else had a value', async () => {
    async function* messy(): AsyncGenerator<number> {
      try {
        for (;;) yield 1
      } finally {
        // oxlint-disable-next-line no-unsafe-finally -- that is the case
        throw boom
      }
    }
    await expect(within('the call', a.portalTo(b).run(take, messy(), 2))).rejects.toBe(boom)
  })

  test('also when it never starts: its sources are left', async () => {
    const refused = a.portalTo(b).run(take, oneThenWait(), (() => {}) as unknown as number)
    await expect(refused).rejects.toThrow('args[1] is a function')
    let destroyed = false
    const readable = new Readable({ read: () => {}, destroy: (_, done) => done(((destroyed = true), null)) })
    await expect(a.portalTo(b).call('listeners#unknown', readable)).rejects.toMatchObject({
      cause: { code: 'NOT_EXPOSED' },
    })
    expect(destroyed).toBe(true)
  })
})

describe('nothing of it is left', () => {
  test('when calls with streams have ended in every way, as many one after another as may be open at a time', async () => {
    for (let i = 0; i < MAX_STREAMS_PER_PEER / 2; i++) {
      if (i % 3 === 0) await a.portalTo(b).run(sum, numbers(2))
      else if (i % 3 === 1) await a.portalTo(b).run(take, numbers(100), 1)
      else await a.portalTo(b).run(describeFailure, breaks(1))
    }
    await eventually('no stream is open', async () => (await streamsTo(a, b)) === 0)
  })

  test('two hundred calls at once, each with a stream', async () => {
    const sums = Array.from({ length: 200 }, async (_, i) => await a.portalTo(b).run(sum, numbers(i)))
    const all = await within('the sums', Promise.all(sums), 10_000)
    expect(all).toEqual(Array.from({ length: 200 }, (_, i) => (i * i - i) / 2))
  })
})

describe('a death', () => {
  expectNothingLeft()

  test('of the callee rejects the call and ends its sources', async () => {
    await using fresh = await meshInProcess([listeners])
    const [first, second] = fresh.actors as [InProcessActor, InProcessActor]
    const call = first.portalTo(second).run(listen, oneThenWait())
    call.catch(() => {})
    await eventually('it listens', () => heard.includes('heard 1'))
    await second.die()
    await expect(within('the call', call)).rejects.toMatchObject({ code: 'ACTOR_DIED', actor: { id: second.id } })
    expect(heard.filter((line) => line.startsWith('source left'))).toHaveLength(1)
  })

  test('of the caller ends the consumer, whose clean-up runs', async () => {
    await using fresh = await meshInProcess([listeners])
    const [first, second] = fresh.actors as [InProcessActor, InProcessActor]
    first
      .portalTo(second)
      .run(listen, oneThenWait())
      .catch(() => {})
    await eventually('it listens', () => heard.includes('heard 1'))
    await first.die()
    await eventually('the listener has cleaned up', () => heard.some((line) => line.startsWith('listener cleaned up')))
    expect(heard).not.toContain('the end')
  })
})

test('a callee that hears no cancel does not keep its sources', async () => {
  const controller = new AbortController()
  const call = a.portalTo(b).with({ signal: controller.signal }).run(deafFor, endless().source, 500)
  await eventually('its source is left', () => heard.includes('source left: the callee'))
  controller.abort()
  expect(await within('the call', call)).toBeUndefined()
})
