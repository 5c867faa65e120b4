import { beforeEach, describe, expect, test } from 'vitest'
import type { Context } from '../../rpc/context.ts'
import { expose } from '../../rpc/exposed.ts'
import { failureOf } from '../support/failure-of.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcessActor, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'

/** What the callee's side has seen: the actors of one process share it with the test. */
let callee: { received: number[]; failure: unknown; settled: boolean }
let calleeEnds: PromiseWithResolvers<'returns' | 'raises'>
beforeEach(() => {
  callee = { received: [], failure: undefined, settled: false }
  calleeEnds = Promise.withResolvers()
})

/** Sends numbers and reads numbers, both at once, until it is told how to end. */
async function talk(ctx: Context<number, number>): Promise<string> {
  const stream = ctx.stream()
  const ended = calleeEnds.promise
  const sending = (async () => {
    for (let i = 0; ; i++) await stream.send(i)
  })()
  const reading = (async () => {
    for await (const value of stream) callee.received.push(value)
  })()
  sending.catch(() => {})
  try {
    // The failure of either is what the connection broke with.
    const how = await Promise.race([ended, sending, reading.then(async () => await new Promise<never>(() => {}))])
    if (how === 'raises') throw new RangeError('enough')
    return 'done'
  } catch (error) {
    callee.failure = error
    throw error
  } finally {
    callee.settled = true
  }
}

async function* numbers(): AsyncGenerator<number> {
  try {
    for (let i = 0; ; i++) yield i
  } finally {
    callee.settled = true
  }
}
const talkers = expose(import.meta, { talk, numbers }, 'broken-connections')

const inOrder = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

async function cut(from: InProcessActor, to: InProcessActor): Promise<void> {
  const connection = await from.host.connect(to.id, to.target.addresses)
  connection.abort(new Error('the cable was cut'))
}

type End = (a: InProcessActor, b: InProcessActor, leave: () => Promise<unknown>) => unknown
const ends: Record<string, End> = {
  'the caller leaves': async (_a, _b, leave) => await leave(),
  'the callee returns': () => calleeEnds.resolve('returns'),
  'the callee raises': () => calleeEnds.resolve('raises'),
  'the connection is cut at the caller': async (a, b) => await cut(a, b),
  'the connection is cut at the callee': async (a, b) => await cut(b, a),
  'the caller dies': async (a) => await a.die(),
  'the callee dies': async (_a, b) => await b.die(),
}
/** What may end a talk that the first and the second of these ended. */
const outcomes: Record<string, RegExp> = {
  'the caller leaves': /^CANCELLED$/,
  'the callee returns': /^done$/,
  'the callee raises': /^REMOTE_ACTOR_ERROR$/,
  'the connection is cut at the caller': /^ACTOR_DIED$/,
  'the connection is cut at the callee': /^ACTOR_DIED$/,
  'the caller dies': /^ACTOR_DIED$/,
  'the callee dies': /^ACTOR_DIED$/,
}
const names = Object.keys(ends)
const pairs = names.flatMap((first) => names.map((second) => [first, second] as const))

describe.each([500, 800])('after %i messages in both directions', (messages) => {
  test.each(pairs)(
    '%s, and %s at the same time: both sides have a beginning of what was said, and the right end',
    async (first, second) => {
      await using mesh = await meshInProcess([talkers])
      const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
      const context = await a.portalTo(b).openContext(talk)
      const stream = context.stream()
      const received: number[] = []
      const sending = (async () => {
        for (let i = 0; ; i++) await stream.send(i)
      })()
      const reading = (async () => {
        for await (const value of stream) received.push(value)
      })()
      const result = context.result().then(
        (value) => value,
        (error: { code?: string }) => error.code,
      )
      for (const work of [sending, reading]) work.catch(() => {})
      await eventually(
        'the messages are there',
        () => received.length >= messages && callee.received.length >= messages,
      )
      const leave = async (): Promise<void> => await context[Symbol.asyncDispose]()
      await within(
        'both ends',
        Promise.all([first, second].map(async (end) => await Promise.allSettled([ends[end]!(a, b, leave)]))),
      )
      expect(await within('the result', result)).toSatisfy(
        (how: string) => outcomes[first]!.test(how) || outcomes[second]!.test(how),
      )
      await within('the reader', Promise.allSettled([reading]))
      await failureOf(sending)
      await eventually('the function has ended', () => callee.settled)
      expect(received).toEqual(inOrder(received.length))
      expect(callee.received).toEqual(inOrder(callee.received.length))
      await within('leaving', Promise.allSettled([leave()]))
    },
  )

  test.each([
    'the connection is cut at the caller',
    'the connection is cut at the callee',
    'the caller dies',
    'the callee dies',
  ])(
    'of a stream, %s: the reader has every item up to the cut and then an error, and the producer has cleaned up',
    async (end) => {
      await using mesh = await meshInProcess([talkers])
      const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
      const received: number[] = []
      const reading = (async () => {
        for await (const value of a.portalTo(b).run(numbers)) {
          received.push(value)
          if (received.length === messages) void ends[end]!(a, b, async () => {})
        }
      })()
      expect(await failureOf(reading)).toMatchObject({ code: 'ACTOR_DIED', actor: { name: 'b' }, mayHaveRun: true })
      expect(received.length).toBeGreaterThanOrEqual(messages)
      expect(received).toEqual(inOrder(received.length))
      await eventually('the producer has cleaned up', () => callee.settled)
    },
  )
})
