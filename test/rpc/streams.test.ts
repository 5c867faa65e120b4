import { pipeline } from 'node:stream/promises'
import { pipe } from 'it-pipe'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MAX_STREAMS_PER_PEER } from '../../node/host.ts'
import { moveOnAfter } from '../../node/scopes.ts'
import { WINDOW_BYTES, WINDOW_ITEMS } from '../../rpc/item-sender.ts'
import { MAX_CALLS_IN_FLIGHT } from '../../rpc/lane.ts'
import { STREAM_PROTOCOL } from '../../rpc/protocol.ts'
import { MAX_UNCLAIMED_STREAMS } from '../../rpc/stream-arrivals.ts'
import { eventually } from '../support/eventually.ts'
import { deadline } from '../support/headroom.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import {
  add,
  count,
  countAlong,
  countThenRaise,
  events,
  flood,
  giveFunctions,
  hang,
  once,
  portals,
  produced,
  raiseInCleanUp,
  resetStage,
  stage,
} from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor

beforeAll(async () => {
  mesh = await meshInProcess([stage], 3)
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

describe('items', () => {
  test('all of them arrive in order, more than a window of them', async () => {
    const items = await within('the stream', collect(a.portalTo(b).run(count, 5 * WINDOW_ITEMS)))
    expect(items).toEqual(Array.from({ length: 5 * WINDOW_ITEMS }, (_, i) => i))
  })

  test('none at all is a stream as well', async () => {
    expect(await collect(a.portalTo(b).run(count, 0))).toEqual([])
  })

  test('a stream that is over stays over', async () => {
    const stream = a.portalTo(b).run(count, 1)
    expect(await collect(stream)).toEqual([0])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(await stream.return()).toEqual({ done: true, value: undefined })
  })

  test('several consumers share a stream: each item reaches one of them', async () => {
    const stream = a.portalTo(b).run(count, 3_000)
    const parts = await within('the consumers', Promise.all([collect(stream), collect(stream), collect(stream)]))
    expect(parts.flat().toSorted((x, y) => x - y)).toEqual(Array.from({ length: 3_000 }, (_, i) => i))
  })

  test('streams go through further actors', async () => {
    portals.set('c', b.portalTo(c))
    expect(await within('the stream', collect(a.portalTo(b).run(countAlong, ['c'], 2_500)))).toHaveLength(2_500)
  })

  test('twenty streams at once do not mix', async () => {
    const streams = Array.from({ length: 20 }, async (_, i) => await collect(a.portalTo(b).run(count, 100 * i)))
    const all = await within('all streams', Promise.all(streams))
    for (const [i, items] of all.entries()) expect(items).toEqual(Array.from({ length: 100 * i }, (_, j) => j))
  })

  test('a hundred streams are the first thing that two actors say to each other', async () => {
    await using fresh = await meshInProcess([stage])
    const [first, second] = fresh.actors as [InProcessActor, InProcessActor]
    const streams = Array.from({ length: 100 }, async () => await collect(first.portalTo(second).run(count, 10)))
    for (const items of await within('all streams', Promise.all(streams))) expect(items).toHaveLength(10)
  })

  test('a thousand streams of one moment all come through, however few may wait for their call', async () => {
    expect(MAX_UNCLAIMED_STREAMS).toBeLessThan(1_000)
    const streams = Array.from({ length: 1_000 }, async () => await collect(a.portalTo(b).run(count, 3)))
    for (const items of await within('all streams', Promise.all(streams), 20_000)) expect(items).toEqual([0, 1, 2])
  })

  test('a stream is not opened before its call has a place', async () => {
    await using fresh = await meshInProcess([stage])
    const [first, second] = fresh.actors as [InProcessActor, InProcessActor]
    const controller = new AbortController()
    const full = first.portalTo(second).with({ signal: controller.signal })
    for (let i = 0; i < MAX_CALLS_IN_FLIGHT; i++) full.run(hang, 'hang').catch(() => {})
    await eventually('the lane is full', () => events.length === MAX_CALLS_IN_FLIGHT)
    const items = collect(first.portalTo(second).run(count, 3))
    await first.portalTo(second).describe()
    const connection = await first.host.connect(second.id, [])
    expect(connection.streams.filter(({ protocol }) => protocol === STREAM_PROTOCOL)).toEqual([])
    controller.abort()
    expect(await within('the items', items, 10_000)).toEqual([0, 1, 2])
  })

  test('a stream composes with it-pipe and with the streams of Node', async () => {
    const doubled = await pipe(
      a.portalTo(b).run(count, 5),
      async function* (source: AsyncIterable<number>) {
        for await (const value of source) yield value * 2
      },
      collect<number>,
    )
    expect(doubled).toEqual([0, 2, 4, 6, 8])
    let sum = 0
    await pipeline(a.portalTo(b).run(count, 5), async (source) => {
      for await (const value of source) sum += value
    })
    expect(sum).toBe(10)
  })
})

describe('ends', () => {
  test('an error comes after all the items that were yielded before it', async () => {
    const items: number[] = []
    const reading = (async () => {
      for await (const item of a.portalTo(b).run(countThenRaise, 1_500)) items.push(item)
    })()
    await expect(within('the stream', reading)).rejects.toMatchObject({
      code: 'REMOTE_ACTOR_ERROR',
      cause: expect.any(RangeError),
    })
    expect(items).toHaveLength(1_500)
  })

  test('an item that cannot travel ends the stream with an error that names it', async () => {
    await expect(collect(a.portalTo(b).run(giveFunctions))).rejects.toThrow('item.f is a function')
  })

  test('break cancels the producer, and its finally has run when the loop is left', async () => {
    for await (const _ of a.portalTo(b).run(flood)) break
    expect(events).toEqual(['flood cleaned up'])
  })

  test('break of one reader is the end, and no error, for another that waits', async () => {
    const stream = a.portalTo(b).run(once)
    await stream.next()
    const other = stream.next()
    await within('the return', stream.return())
    expect(await within('the other reader', other)).toEqual({ done: true, value: undefined })
    expect(events).toEqual(['once cleaned up'])
  })

  test('break reaches a producer that waits for something else', async () => {
    for await (const _ of a.portalTo(b).run(once)) break
    expect(events).toEqual(['once cleaned up'])
  })

  test('an error in the loop cancels the producer as well, and is what is thrown', async () => {
    const boom = new Error('boom')
    const reading = (async () => {
      for await (const _ of a.portalTo(b).run(flood)) throw boom
    })()
    await expect(within('the loop', reading)).rejects.toBe(boom)
    expect(events).toEqual(['flood cleaned up'])
  })

  test('an error in the producer’s clean-up is not lost', async () => {
    const reading = (async () => {
      for await (const _ of a.portalTo(b).run(raiseInCleanUp)) break
    })()
    await expect(within('the loop', reading)).rejects.toMatchObject({ cause: { message: 'in clean-up' } })
  })

  test('disposing a stream cancels it, also when nobody has read from it', async () => {
    {
      await using stream = a.portalTo(b).run(once)
      expect(stream).toBeDefined()
    }
    // whether the generator had begun or not, nothing of it is left
    expect(events.filter((event) => event !== 'once cleaned up')).toEqual([])
    expect(await a.portalTo(b).run(add, 1, 1)).toBe(2)
  })

  test('a reader that is cancelled in a shorter scope than the stream’s leaves it, as it would end a local generator', async () => {
    const stream = a.portalTo(b).run(once)
    expect(await stream.next()).toMatchObject({ value: 1 })
    const { cancelled } = await within(
      'the reader',
      moveOnAfter(20, async () => await stream.next()),
    )
    expect([cancelled, ...events]).toEqual([true, 'once cleaned up'])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    await within('its end', stream.finished())
  })

  test('a scope that is cancelled ends the stream and waits for the producer’s clean-up', async () => {
    const { cancelled } = await within(
      'the scope',
      moveOnAfter(30, async () => await collect(a.portalTo(b).run(flood))),
    )
    expect(cancelled).toBe(true)
    expect(events).toEqual(['flood cleaned up'])
  })

  test('break in the last of three actors stops the first one', async () => {
    portals.set('c', b.portalTo(c))
    for await (const item of a.portalTo(b).run(countAlong, ['c'], 1_000_000)) if (item === 10) break
    expect(await b.portalTo(c).run(add, 1, 1)).toBe(2)
  })
})

describe('backpressure', () => {
  test('a consumer that does not read stops the producer within the window', async () => {
    const stream = a.portalTo(b).run(flood)
    await stream.next()
    await eventually('the producer comes to a window of items', () => produced.count >= WINDOW_ITEMS - 1)
    for (let i = 0; i < 200; i++) await a.portalTo(b).run(add, 1, 1)
    expect(produced.count).toBeLessThanOrEqual(WINDOW_ITEMS + 1)
    await stream.return()
  })

  test('large items stop it within the window of bytes', async () => {
    const size = 50_000
    const stream = a.portalTo(b).run(flood, size)
    await stream.next()
    await eventually('the producer comes to a window of bytes', () => produced.count >= WINDOW_BYTES / size - 1)
    for (let i = 0; i < 200; i++) await a.portalTo(b).run(add, 1, 1)
    expect(produced.count * size).toBeLessThanOrEqual(WINDOW_BYTES + 2 * size)
    await stream.return()
  })

  test('a stream that nobody reads delays no other call, no other stream and no cancel', async () => {
    const stuck = Array.from({ length: 10 }, () => a.portalTo(b).run(flood, 60_000))
    await Promise.all(stuck.map(async (stream) => await stream.next()))
    expect(await within('a call', a.portalTo(b).run(add, 1, 2), 1_000)).toBe(3)
    expect(await within('a stream', collect(a.portalTo(b).run(count, 3_000)))).toHaveLength(3_000)
    await within('the cancels', Promise.all(stuck.map(async (stream) => await stream.return())), 2_000)
    expect(events).toHaveLength(10)
  })

  test('what a slow consumer reads is everything, in order', async () => {
    let expected = 0
    for await (const item of a.portalTo(b).run(count, 3 * WINDOW_ITEMS)) {
      expect(item).toBe(expected++)
      if (item % 200 === 0) await a.portalTo(b).run(add, 1, 1)
    }
    expect(expected).toBe(3 * WINDOW_ITEMS)
  })
})

describe('nothing of a stream is left when it is over', () => {
  test('more streams one after another than may be open at a time, in every kind of end', async () => {
    const portal = a.portalTo(b)
    for (let i = 0; i < MAX_STREAMS_PER_PEER + 100; i++) {
      const stream = portal.run(count, 2)
      if (i % 3 === 0) await stream.return()
      else if (i % 3 === 1) for await (const _ of stream) break
      else for await (const _ of stream);
    }
    await expect(collect(portal.run(countThenRaise, 1))).rejects.toThrow('after the items')
  })

  test('more streams at a time than MAX_STREAMS_PER_PEER are refused by name, and work again when some have ended', async () => {
    const portal = a.portalTo(c)
    const open = []
    for (let i = 0; i < MAX_STREAMS_PER_PEER; i += 64) {
      const some = Array.from({ length: 64 }, () => portal.run(once))
      await within('64 streams', Promise.all(some.map(async (stream) => await stream.next())), 10_000)
      open.push(...some)
    }
    await expect(portal.run(once).next()).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: 'MAX_STREAMS_PER_PEER',
    })
    await within('the ends', Promise.all(open.map(async (stream) => await stream.return())), 20_000)
    expect(await collect(portal.run(count, 3))).toEqual([0, 1, 2])
  })
})

test('a stuck consumer delays nobody else on the connection by more than a few milliseconds', async () => {
  const medianOfCalls = async (): Promise<number> => {
    const ms: number[] = []
    for (let i = 0; i < 300; i++) {
      const start = performance.now()
      await a.portalTo(b).run(add, 1, 1)
      ms.push(performance.now() - start)
    }
    return ms.sort((one, other) => one - other)[ms.length >> 1]!
  }
  await medianOfCalls()
  const before = await medianOfCalls()
  const stuck = Array.from({ length: 8 }, () => a.portalTo(b).run(flood, 16 * 1024))
  for (const stream of stuck) await stream.next()
  await eventually('the producers stand still', async () => {
    const { count: then } = produced
    await new Promise((resolve) => void setTimeout(resolve, 50))
    return produced.count === then
  })
  expect(await medianOfCalls()).toBeLessThan(before + deadline(3))
  for (const stream of stuck) await stream.return()
})
