import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  cancelScope,
  Cancelled,
  joinMesh,
  type JoinedMesh,
  openNursery,
  type Portal,
  sleep,
  waitForActor,
  watchActors,
} from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { actors, countForever, fail, sleepLong } from './fixtures/actors.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ name: 'root', startMethod: 'thread', modules: [actors] })
})
afterEach(async () => await mesh.leave())

describe('every wait is a cancel point, and hands on the very reason of its scope', () => {
  const waits: [string, (portal: Portal<unknown>) => Promise<unknown>][] = [
    ['sleep', async () => await sleep(600_000)],
    ['waitForActor', async () => await waitForActor('gretchen')],
    [
      'watchActors',
      async () => {
        for await (const _ of watchActors('gretchen'));
      },
    ],
    ['a call', async (portal) => await portal.run(sleepLong)],
    [
      'a stream that waits for its next item',
      async (portal) => {
        for await (const _ of portal.run(countForever)) await sleep(1)
      },
    ],
    ['a nursery with a task', async () => await openNursery((nursery) => void nursery.start(() => sleep(600_000)))],
    ['a nursery with an actor', async () => await openNursery(async (inner) => void (await inner.startActor('inner')))],
  ]

  test.each(waits)('%s', async (_, wait) => {
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('actor', { modules: [actors] })
      let outcome: unknown
      const { cancelled } = await cancelScope(async (scope) => {
        setTimeout(() => scope.cancel('the scene is over'), 200)
        outcome = await failureOf(wait(portal))
        expect(outcome).toBe(scope.signal.reason)
        throw outcome
      })
      expect(cancelled).toBe(true)
      expect(outcome).toBeInstanceOf(Cancelled)
      expect(outcome).toMatchObject({ by: 'root', why: 'the scene is over' })
      nursery.cancel()
    })
  })
})

test('local tasks and actors in one nursery end together, whichever fails first', async () => {
  for (const failing of ['task', 'actor'] as const) {
    const ended: string[] = []
    const error = await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.startActor('actor', { modules: [actors] })
        nursery.start(async () => {
          try {
            await portal.run(sleepLong)
          } finally {
            ended.push('the call of a task')
          }
        })
        if (failing === 'actor') await nursery.runInActor('failing', fail, 'first')
        else
          nursery.start(async () => {
            await sleep(50)
            throw new RangeError('first')
          })
        try {
          await sleep(600_000)
        } finally {
          ended.push('the block')
        }
      }),
    )
    const first = failing === 'task' ? error : (error as Error).cause
    expect(first).toMatchObject({ name: 'RangeError', message: 'first' })
    expect(ended.toSorted()).toEqual(['the block', 'the call of a task'])
  }
})
