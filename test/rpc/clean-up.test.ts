import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cancelled } from '../../node/errors.ts'
import { cancelScope, failAfter, moveOnAfter, sleep } from '../../node/scopes.ts'
import type { Portal } from '../../rpc/portal.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import {
  carefulConsumer,
  carefulContext,
  carefulStream,
  carefulValue,
  count,
  heard,
  listeners,
  remainingAlong,
  ways,
} from './fixtures/listeners.ts'

expectNothingLeft()

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor

beforeEach(async () => {
  heard.length = 0
  ways.clear()
  mesh = await meshInProcess([listeners], 3)
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
  const helper = b.portalTo(c)
  ways.set('helper', helper)
  // The time of a clean-up is for the clean-up: no dial and no handshake are part of it.
  await helper.run(count)
})
afterEach(async () => await mesh[Symbol.asyncDispose]())

async function* numbers(): AsyncGenerator<number> {
  for (let i = 0; ; i++) {
    yield i
    await sleep(5)
  }
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

type Work = (portal: Portal) => Promise<void>
const works: [string, Work][] = [
  ['a call', async (portal) => await portal.run(carefulValue)],
  ['a stream', async (portal) => await drain(portal.run(carefulStream))],
  [
    'a context',
    async (portal) => {
      await using context = await portal.openContext(carefulContext)
      await drain(context.stream())
    },
  ],
  ['a consumer of an argument', async (portal) => await portal.run(carefulConsumer, numbers())],
]

const begun = async (): Promise<unknown> => await eventually('it has begun', () => heard.includes('began'))
const done = (): boolean => heard.includes('cleaned up: done')

describe.each(works)(
  'the shielded clean-up of %s has run, calls in it included, when its caller goes on after',
  (_, work) => {
    test('a cancel of its scope', async () => {
      const { cancelled } = await within(
        'the scope',
        cancelScope(async (scope) => {
          void begun().then(() => scope.cancel(new Cancelled('donny', 'enough')))
          await work(a.portalTo(b))
        }),
      )
      expect([cancelled, done()]).toEqual([true, true])
    })

    test('a deadline', async () => {
      const late = failAfter(300, async () => await work(a.portalTo(b)))
      await expect(within('the deadline', late)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      expect(done() || !heard.includes('began')).toBe(true)
    })

    test('a signal', async () => {
      const controller = new AbortController()
      const reason = new Error('changed my mind')
      const working = work(a.portalTo(b).with({ signal: controller.signal }))
      working.catch(() => {})
      await begun()
      controller.abort(reason)
      await expect(within('the signal', working)).rejects.toBe(reason)
      expect(done()).toBe(true)
    })

    test('the disposal of its portal', async () => {
      const portal = a.portalTo(b)
      const working = work(portal)
      working.catch(() => {})
      await begun()
      await within('the disposal', portal[Symbol.asyncDispose]())
      expect(done()).toBe(true)
      await expect(working).rejects.toMatchObject({ code: 'CANCELLED' })
    })
  },
)

test.each(works)('the shielded clean-up of %s runs after its caller has died', async (_, work) => {
  work(a.portalTo(b)).catch(() => {})
  await begun()
  await a.die()
  await eventually('it has cleaned up', done)
})

test('the shielded clean-up of a stream has run when its consumer is past its break', async () => {
  for await (const item of a.portalTo(b).run(carefulStream)) if (item === 3) break
  expect(done()).toBe(true)
})

test('the shielded clean-up of a context has run when it is left', async () => {
  {
    await using context = await a.portalTo(b).openContext(carefulContext)
    await context.stream()[Symbol.asyncIterator]().next()
  }
  expect(done()).toBe(true)
})

test('a deadline shrinks from actor to actor along a stream, and stops all of them', async () => {
  ways.set('c', b.portalTo(c))
  ways.set('a', c.portalTo(a))
  const lefts: number[][] = []
  const { cancelled } = await within(
    'the chain',
    moveOnAfter(1_000, async () => {
      for await (const left of a.portalTo(b).run(remainingAlong, ['c', 'a'])) lefts.push(left)
    }),
  )
  expect(cancelled).toBe(true)
  expect(lefts.length).toBeGreaterThan(0)
  for (const left of lefts) {
    expect(left).toHaveLength(3)
    for (const ms of left) expect(ms).toBeLessThanOrEqual(1_001)
  }
  expect(lefts.at(-1)![2]!).toBeLessThan(lefts[0]![2]!)
  await eventually('all have stopped', () => heard.filter((line) => line.startsWith('stopped')).length === 3)
})
