import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ActorDied,
  Cancelled,
  InvalidArgument,
  joinMesh,
  type JoinedMesh,
  moveOnAfter,
  openNursery,
  sleep,
} from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { watchProcesses } from '../support/process-watcher.ts'
import { within } from '../support/within.ts'
import {
  careless,
  cleanUpAloud,
  crashAndStay,
  dangle,
  everyMoment,
  name,
  reportReady,
  throwLater,
  wait,
  waitDeaf,
} from './fixtures/careless.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ name: 'root' })
})
afterEach(async () => await mesh.leave())

describe('what nobody catches', () => {
  test.each([
    ['null', 'null'],
    ['undefined', 'undefined'],
    ['text', 'a text'],
    ['error', 'TypeError: nobody catches this'],
  ] as const)('in an actor fails the nursery, whatever was thrown: %s', async (what, words) => {
    const error = await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.startActor('careless', { modules: [careless] })
        await portal.run(throwLater, what)
      }),
    )
    expect(error).toBeInstanceOf(ActorDied)
    expect((error as ActorDied).message).toContain(`${words} (nobody caught it)`)
  })

  test('in a one-shot that has done its task and stays for a sibling fails the nursery as well', async () => {
    const error = await failureOf(
      openNursery(async (nursery) => {
        await nursery.runInActor('sibling', wait)
        const portal = await nursery.runInActor('careless', throwLater, 'error', 100)
        expect(await portal.result()).toBe('done')
      }),
    )
    expect(error).toBeInstanceOf(ActorDied)
    expect((error as ActorDied).cause).toBeInstanceOf(TypeError)
  })

  test('in an actor whose exit takes for ever is ended by force', async () => {
    const error = await failureOf(
      openNursery(
        async (nursery) => {
          const portal = await nursery.startActor('careless', { modules: [careless] })
          await portal.run(crashAndStay)
        },
        { graceMs: 200 },
      ),
    )
    expect((error as ActorDied).cause).toBeInstanceOf(TypeError)
  })

  test('is no failure when it is the echo of a cancelled call', async () => {
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('careless', { modules: [careless] })
      const { cancelled } = await moveOnAfter(100, async () => await portal.run(dangle))
      expect(cancelled).toBe(true)
      await sleep(50)
      expect(await portal.run(name)).toBe('careless')
      nursery.cancel()
    })
  })

  test('in a local task fails the nursery, also when it has no words', async () => {
    const thrown: unknown = Object.create(null)
    const failure = await failureOf(
      openNursery(async (nursery) => {
        nursery.start(() => {
          throw thrown
        })
        await sleep(600_000)
      }),
    )
    expect(failure).toBe(thrown)
  })
})

test('leaving the stream of a one-shot early ends the one-shot, and is no failure', async () => {
  const seen = await within(
    'the block',
    openNursery(async (nursery) => {
      const portal = await nursery.runInActor('careless', everyMoment)
      for await (const moment of portal.result()) if (moment === 3) return moment
      return undefined
    }),
    10_000,
  )
  expect(seen).toBe(3)
})

test('the channel to the parent is private: what a library says to a process manager is not heard', async () => {
  await openNursery(async (nursery) => {
    const portal = await nursery.startActor('careless', { modules: [careless] })
    expect(await portal.run(reportReady)).toBe(false)
    const call = portal.run(cleanUpAloud)
    call.catch(() => {})
    await sleep(50)
    nursery.cancel()
    await expect(call).rejects.toMatchObject({ cause: { message: 'the clean-up was here' } })
  })
})

test('an actor that somebody else asked to end is ended by force when it does not', async () => {
  await within(
    'the block',
    openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('careless', { modules: [careless] })
        portal.run(waitDeaf).catch(() => {})
        await portal.run(name)
        await portal.cancelActor()
      },
      { graceMs: 200 },
    ),
    10_000,
  )
})

test('a statespace that cannot be sent is named, and no process is left', async () => {
  const processes = watchProcesses()
  await openNursery(async (nursery) => {
    const gone = new ArrayBuffer(8)
    structuredClone(gone, { transfer: [gone] })
    const error = await failureOf(nursery.startActor('careless', { statespace: { gone } }))
    expect(error).toBeInstanceOf(InvalidArgument)
    expect((error as InvalidArgument).message).toContain('statespace.gone')
    expect(processes.list()).toEqual([])
  })
})

test('a child that is cancelled while it boots is gone when that is told', async () => {
  const processes = watchProcesses()
  await openNursery(async (nursery) => {
    const starting = nursery.startActor('careless')
    setImmediate(() => nursery.cancel())
    const error = await failureOf(starting)
    expect(error).toBeInstanceOf(Cancelled)
    expect(processes.list()).toEqual([])
  })
})
