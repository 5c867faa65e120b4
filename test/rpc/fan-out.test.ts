import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { currentScope } from '../../node/cancel-scope.ts'
import { Cancelled, InvalidArgument, Lagged, LimitExceeded } from '../../node/errors.ts'
import { cancelScope, moveOnAfter } from '../../node/scopes.ts'
import { WINDOW_ITEMS } from '../../rpc/item-sender.ts'
import {
  FAN_OUT_BUFFER,
  type FanOutOptions,
  fanOut,
  MAX_FAN_OUT_BUFFER,
  MAX_SUBSCRIBERS,
  type Subscription,
} from '../../rpc/fan-out.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { randomSource } from './fixtures/random.ts'
import {
  count,
  countThenRaise,
  events,
  flood,
  once,
  produced,
  raiseInCleanUp,
  resetStage,
  stage,
} from './fixtures/stage.ts'

/** A source that says how far it was read and how it ended. */
function counting(to = Number.POSITIVE_INFINITY): {
  source: AsyncGenerator<number>
  log: { read: number; ended: boolean }
} {
  const log = { read: 0, ended: false }
  async function* numbers(): AsyncGenerator<number> {
    try {
      for (let i = 0; i < to; i++) {
        log.read = i + 1
        yield i
      }
    } finally {
      log.ended = true
    }
  }
  return { source: numbers(), log }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function take<T>(subscription: Subscription<T>, n: number): Promise<(T | undefined)[]> {
  const items: (T | undefined)[] = []
  for (let i = 0; i < n; i++) items.push((await subscription.next()).value)
  return items
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

describe('each consumer', () => {
  test('gets every item in order', async () => {
    const shared = fanOut(counting(5_000).source)
    const consumers = Array.from({ length: 5 }, () => shared.subscribe())
    expect(shared.subscribers).toBe(5)
    for (const items of await Promise.all(consumers.map(collect))) expect(items).toEqual(range(0, 5_000))
    expect(shared.subscribers).toBe(0)
  })

  test('that comes late begins with the next item', async () => {
    const shared = fanOut(counting(6).source)
    const early = shared.subscribe()
    expect(await take(early, 3)).toEqual([0, 1, 2])
    const late = shared.subscribe()
    expect(await Promise.all([collect(early), collect(late)])).toEqual([[3, 4, 5], [3, 4, 5]]) // oxfmt-ignore
  })

  test('has its reads answered in the order in which it made them', async () => {
    const subscription = fanOut(counting(4).source).subscribe()
    const reads = await Promise.all(Array.from({ length: 6 }, async () => await subscription.next()))
    expect(reads.map(({ value }) => value)).toEqual([0, 1, 2, 3, undefined, undefined])
  })

  test('of an empty source ends', async () => {
    const shared = fanOut(counting(0).source)
    expect(await Promise.all([collect(shared.subscribe()), collect(shared.subscribe())])).toEqual([[], []])
    expect(await collect(shared.subscribe())).toEqual([])
  })
})

describe('the source', () => {
  test('is read only while somebody waits, at the pace of the fastest', async () => {
    const { source, log } = counting()
    await using shared = fanOut(source)
    const fast = shared.subscribe()
    shared.subscribe()
    await turn()
    expect(log.read).toBe(0)
    await take(fast, 3)
    await turn()
    expect(log.read).toBe(3)
  })

  test('is cancelled when the last one leaves, and has cleaned up by then', async () => {
    const { source, log } = counting()
    const shared = fanOut(source)
    const [a, b] = [shared.subscribe(), shared.subscribe()]
    await take(a, 2)
    await a.return()
    expect(log.ended).toBe(false)
    expect(await take(b, 3)).toEqual([0, 1, 2])
    for await (const item of b) if (item === 4) break
    expect(log.ended).toBe(true)
    expect(() => shared.subscribe()).toThrow(InvalidArgument)
  })

  test('that was never read is cancelled as well', async () => {
    const calls: string[] = []
    const source: AsyncIterableIterator<number> = {
      next: async () => await Promise.reject(new Error('nobody asked')),
      return: async () => {
        calls.push('return')
        return await Promise.resolve({ done: true, value: undefined })
      },
      [Symbol.asyncIterator]: () => source,
    }
    await fanOut(source).subscribe().return()
    expect(calls).toEqual(['return'])
  })

  test('that is busy when the last one leaves hears of the cancel', async () => {
    let how: unknown
    async function* stuck(): AsyncGenerator<number> {
      try {
        await cancelScope(async () => await new Promise((_, reject) => currentScope().onCancel(reject)))
        yield 1
      } catch (error) {
        how = error
        throw error
      }
    }
    const subscription = fanOut(stuck()).subscribe()
    const read = subscription.next()
    await turn()
    await within('leaving', subscription.return())
    expect(await read).toEqual({ done: true, value: undefined })
    expect(how).toBeInstanceOf(Cancelled)
  })

  test('raises in its clean-up: the last one to leave hears of it', async () => {
    async function* raising(): AsyncGenerator<number> {
      try {
        for (;;) yield 1
      } finally {
        throw new RangeError('dirty') // oxlint-disable-line no-unsafe-finally
      }
    }
    const shared = fanOut(raising())
    const [a, b] = [shared.subscribe(), shared.subscribe()]
    await take(a, 1)
    await a.return()
    await expect(b.return()).rejects.toThrow('dirty')
  })

  test('lets go of what all have taken', async () => {
    async function* objects(): AsyncGenerator<object> {
      for (let i = 0; i < 10; i++) yield { i }
    }
    const shared = fanOut(objects())
    const [a, b] = [shared.subscribe(), shared.subscribe()]
    const refs: WeakRef<object>[] = []
    for (let i = 0; i < 5; i++) {
      refs.push(new WeakRef((await a.next()).value!))
      await b.next()
    }
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    await eventually('the items are gone', () => {
      gc()
      return refs.slice(0, 4).every((ref) => ref.deref() === undefined)
    })
    await Promise.all([a.return(), b.return()])
  })
})

describe('a consumer that is behind', () => {
  test('is told how many it lost, in their place, and goes on with the oldest that is there', async () => {
    const shared = fanOut(counting(20).source, { buffer: 4 })
    const [fast, slow] = [shared.subscribe(), shared.subscribe()]
    await take(fast, 1)
    expect(await take(slow, 1)).toEqual([0])
    await take(fast, 10)
    await expect(slow.next()).rejects.toMatchObject({ code: 'LAGGED', missed: 6 })
    expect(await take(slow, 4)).toEqual([7, 8, 9, 10])
    await take(fast, 5)
    await expect(slow.next()).rejects.toThrow(new Lagged(1, 4))
    expect(await collect(fast)).toEqual([16, 17, 18, 19])
    await expect(slow.next()).rejects.toMatchObject({ missed: 4 })
    expect(await collect(slow)).toEqual([16, 17, 18, 19])
  })

  test('by no more than the buffer loses nothing', async () => {
    const shared = fanOut(counting(8).source, { buffer: 8 })
    const [fast, slow] = [shared.subscribe(), shared.subscribe()]
    await collect(fast)
    expect(await collect(slow)).toEqual(range(0, 8))
  })

  test('goes on in a new loop', async () => {
    const shared = fanOut(counting(10).source, { buffer: 3 })
    const [fast, slow] = [shared.subscribe(), shared.subscribe()]
    await collect(fast)
    await expect(collect(slow)).rejects.toBeInstanceOf(Lagged)
    expect(await collect(slow)).toEqual([7, 8, 9])
  })

  test('is waited for when it says so: nothing is lost, and all others wait', async () => {
    const { source, log } = counting()
    await using shared = fanOut(source, { buffer: 4 })
    const [fast, slow] = [shared.subscribe(), shared.subscribe({ onLag: 'wait' })]
    await take(fast, 4)
    const read = fast.next()
    await turn()
    expect(log.read).toBe(4)
    expect(await take(slow, 1)).toEqual([0])
    expect(await read).toEqual({ done: false, value: 4 })
    expect(await take(slow, 4)).toEqual([1, 2, 3, 4])
  })

  test('and is waited for holds up nobody once it has left', async () => {
    await using shared = fanOut(counting().source, { buffer: 1 })
    const [fast, slow] = [shared.subscribe(), shared.subscribe({ onLag: 'wait' })]
    await take(fast, 1)
    const read = fast.next()
    await slow.return()
    expect(await within('the read', read)).toEqual({ done: false, value: 1 })
  })
})

describe('the end', () => {
  test('of the source is that of each, after what it has not taken yet', async () => {
    const failure = new RangeError('sold out')
    async function* failing(): AsyncGenerator<number> {
      yield 0
      yield 1
      throw failure
    }
    const shared = fanOut(failing())
    const [a, b] = [shared.subscribe(), shared.subscribe()]
    await expect(collect(a)).rejects.toBe(failure)
    expect(await take(b, 2)).toEqual([0, 1])
    await expect(b.next()).rejects.toBe(failure)
    expect(await b.next()).toEqual({ done: true, value: undefined })
    await expect(collect(shared.subscribe())).rejects.toBe(failure)
  })

  test('comes to all when the fan-out is disposed: a cancel, no completion', async () => {
    const { source, log } = counting()
    const shared = fanOut(source, { buffer: 1 })
    const [a, b] = [shared.subscribe(), shared.subscribe({ onLag: 'wait' })]
    await take(a, 1)
    const waiting = a.next()
    waiting.catch(() => {})
    await shared[Symbol.asyncDispose]()
    await expect(waiting).rejects.toBeInstanceOf(Cancelled)
    await expect(b.next()).rejects.toBeInstanceOf(Cancelled)
    expect(log.ended).toBe(true)
    await shared[Symbol.asyncDispose]()
  })

  test('of the scope that the fan-out is in is that of the source and of all', async () => {
    const { source, log } = counting()
    const ends: unknown[] = []
    const { cancelled } = await cancelScope(async (scope) => {
      const shared = fanOut(source)
      const subscription = shared.subscribe()
      await take(subscription, 1)
      scope.cancel('enough')
      await subscription.next().catch((error: unknown) => ends.push(error))
      await eventually('the source has ended', () => log.ended)
      expect(() => shared.subscribe()).toThrow(InvalidArgument)
      throw ends[0]
    })
    expect(cancelled).toBe(true)
  })

  test('of the scope of one read costs no item and nobody else', async () => {
    const gate = Promise.withResolvers<void>()
    async function* gated(): AsyncGenerator<number> {
      yield 0
      await gate.promise
      yield 1
    }
    const shared = fanOut(gated())
    const [a, b] = [shared.subscribe(), shared.subscribe()]
    await Promise.all([a.next(), b.next()])
    const others = b.next()
    expect(await moveOnAfter(10, async () => await a.next())).toMatchObject({ cancelled: true })
    gate.resolve()
    expect(await others).toEqual({ done: false, value: 1 })
    expect(await a.next()).toEqual({ done: false, value: 1 })
    expect(await Promise.all([a.next(), b.next()])).toEqual([{ done: true, value: undefined }, { done: true, value: undefined }]) // oxfmt-ignore
  })
})

describe('bounds', () => {
  test.each<[unknown]>([[0], [-1], [1.5], [MAX_FAN_OUT_BUFFER + 1], [Number.NaN], ['4']])(
    'a buffer of %s is refused',
    (buffer) => {
      expect(() => fanOut(counting().source, { buffer } as FanOutOptions)).toThrow(InvalidArgument)
    },
  )

  test('the largest buffer and the default one are taken', () => {
    for (const buffer of [1, FAN_OUT_BUFFER, MAX_FAN_OUT_BUFFER])
      expect(fanOut(counting().source, { buffer }).subscribers).toBe(0)
  })

  test('what is not async iterable is refused', () => {
    for (const source of [undefined, null, 1, [1], {}, Promise.resolve()])
      expect(() => fanOut(source as unknown as AsyncIterable<number>)).toThrow('fanOut takes an async iterable')
  })

  test('another onLag is refused', () => {
    expect(() => fanOut(counting().source).subscribe({ onLag: 'skip' as 'wait' })).toThrow(
      "onLag is 'raise' or 'wait', got 'skip'",
    )
  })

  test('more than MAX_SUBSCRIBERS are refused, until one leaves', async () => {
    await using shared = fanOut(counting().source)
    const subscriptions = Array.from({ length: MAX_SUBSCRIBERS }, () => shared.subscribe())
    expect(() => shared.subscribe()).toThrow(LimitExceeded)
    await subscriptions[0]!.return()
    shared.subscribe()
  })
})

describe('whatever the order of reads, arrivals and departures', () => {
  test('it does what a model of it does', async () => {
    for (let seed = 1; seed <= 300; seed++) await playAgainstModel(seed)
  })
})

/** One consumer as the model has it; `read` is the read that it waits with. */
interface Modelled {
  at: number
  readonly waits: boolean
  readonly subscription: Subscription<number>
  expected: unknown[]
  readonly outcomes: unknown[]
  reading: boolean
}

async function playAgainstModel(seed: number): Promise<void> {
  const random = randomSource(seed)
  const buffer = 1 + random.int(6)
  const total = random.int(60)
  const raises = random.chance(0.5)
  const failure = new Error('the end')
  async function* source(): AsyncGenerator<number> {
    for (let i = 0; i < total; i++) {
      if (random.chance(0.3)) await turn()
      yield i
    }
    if (raises) throw failure
  }
  const shared = fanOut(source(), { buffer })
  const consumers: Modelled[] = []
  let head = 0
  let over = false
  const join = (): void => {
    const waits = random.chance(0.3)
    const subscription = shared.subscribe({ onLag: waits ? 'wait' : 'raise' })
    consumers.push({ at: head, waits, subscription, expected: [], outcomes: [], reading: false })
  }
  /** What a read gives in the model, if it is not to wait. */
  const answer = (one: Modelled): unknown => {
    const lost = head - one.at - buffer
    if (lost > 0) {
      one.at += lost
      return `missed ${lost}`
    }
    if (one.at < head) return one.at++
    return over ? (raises ? failure.message : 'done') : undefined
  }
  const settle = (): void => {
    for (;;) {
      for (const one of consumers) {
        const now = one.reading ? answer(one) : undefined
        if (now === undefined) continue
        one.reading = false
        one.expected.push(now)
      }
      if (over || !consumers.some(({ reading }) => reading)) return
      if (consumers.some(({ waits, at }) => waits && head - at >= buffer)) return
      if (head === total) over = true
      else head += 1
    }
  }
  join()
  for (let step = 0; step < 120 && !over; step++) {
    const one = consumers[random.int(consumers.length)]!
    if (random.chance(0.05) && consumers.length < 6) join()
    else if (random.chance(0.03) && consumers.length > 1) {
      consumers.splice(consumers.indexOf(one), 1)
      await one.subscription.return()
    } else if (!one.reading) {
      one.reading = true
      one.subscription.next().then(
        ({ done, value }) => one.outcomes.push(done === true ? 'done' : value),
        (error: Error) => one.outcomes.push(error instanceof Lagged ? `missed ${error.missed}` : error.message),
      )
    }
    settle()
    const behind = (): boolean => consumers.some(({ outcomes, expected }) => outcomes.length < expected.length)
    for (let turns = 0; turns < 500 && behind(); turns++) await turn()
    for (const { outcomes, expected } of consumers) expect(outcomes, `seed ${seed}, step ${step}`).toEqual(expected)
  }
  await shared[Symbol.asyncDispose]()
}

describe('a remote stream', () => {
  let mesh: InProcessMesh
  let a: InProcessActor
  let b: InProcessActor
  beforeAll(async () => {
    mesh = await meshInProcess([stage])
    ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
  })
  afterAll(async () => await mesh[Symbol.asyncDispose]())
  beforeEach(resetStage)

  test('counts the same for 22 local consumers', async () => {
    const stream = a.portalTo(b).run(count, 3_000)
    const consumers = Array.from({ length: 22 }, () => stream.subscribe())
    const all = await within('all of them', Promise.all(consumers.map(collect)))
    expect(all).toHaveLength(22)
    for (const items of all) expect(items).toEqual(range(0, 3_000))
  })

  test('has its error in each of them', async () => {
    const stream = a.portalTo(b).run(countThenRaise, 3)
    const [x, y] = [stream.subscribe(), stream.subscribe()]
    for (const result of await Promise.allSettled([collect(x), collect(y)]))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'REMOTE_ACTOR_ERROR' } })
  })

  test('stops at its producer when the last one leaves, with its clean-up done', async () => {
    const stream = a.portalTo(b).run(once)
    const [x, y] = [stream.subscribe(), stream.subscribe()]
    await x.next()
    await x.return()
    expect(await y.next()).toMatchObject({ done: false })
    await within('leaving', y.return())
    expect(events.at(-1)).toContain('cleaned up')
    expect(() => stream.subscribe()).toThrow(InvalidArgument)
  })

  test('stops while all of them wait for an item', async () => {
    const stream = a.portalTo(b).run(once)
    const x = stream.subscribe()
    await x.next()
    const read = x.next()
    await turn()
    await within('leaving', x.return())
    expect(await read).toEqual({ done: true, value: undefined })
    expect(events.at(-1)).toContain('cleaned up')
  })

  test('raises what its clean-up raised where the last one leaves', async () => {
    const subscription = a.portalTo(b).run(raiseInCleanUp).subscribe()
    await subscription.next()
    await expect(within('leaving', subscription.return())).rejects.toMatchObject({ code: 'REMOTE_ACTOR_ERROR' })
  })

  test('waits at its producer for a consumer that is waited for', async () => {
    const stream = a.portalTo(b).run(flood)
    await using shared = fanOut(stream, { buffer: 16 })
    const [fast, slow] = [shared.subscribe(), shared.subscribe({ onLag: 'wait' })]
    await take(fast, 16)
    const read = fast.next()
    read.catch(() => {})
    await eventually('the window is full', () => produced.count >= WINDOW_ITEMS)
    const before = produced.count
    for (let i = 0; i < 20; i++) await turn()
    expect(produced.count - before).toBeLessThan(WINDOW_ITEMS)
    await take(slow, 1)
    expect(await read).toMatchObject({ done: false })
  })

  test('outlives the scope of whoever was the first to subscribe', async () => {
    const stream = a.portalTo(b).run(once)
    const { value: first } = await cancelScope(() => stream.subscribe())
    const { cancelled } = await cancelScope(async (scope) => {
      const inner = stream.subscribe()
      await inner.next()
      scope.cancel('enough')
      await inner.next()
    })
    expect(cancelled).toBe(true)
    expect(await first!.next()).toMatchObject({ done: false })
    await stream.return()
  })

  test('of an actor that dies breaks in each of them', async () => {
    await using fresh = await meshInProcess([stage])
    const [near, far] = fresh.actors as [InProcessActor, InProcessActor]
    const stream = near.portalTo(far).run(once)
    const [x, y] = [stream.subscribe(), stream.subscribe()]
    await Promise.all([x.next(), y.next()])
    const reads = Promise.allSettled([x.next(), y.next()])
    await far.die()
    for (const result of await within('the reads', reads))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ACTOR_DIED' } })
  })
})
