import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ActorDied,
  Cancelled,
  joinMesh,
  type JoinedMesh,
  moveOnAfter,
  openNursery,
  RemoteActorError,
  sleep,
} from '../../index.ts'
import { currentRuntime } from '../../nursery/actor-runtime.ts'
import { WARM_ACTORS } from '../../nursery/warm-pool.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { type CarriedBy, isUp } from '../support/carriers.ts'
import {
  actors,
  callByName,
  cleanUpInto,
  countForever,
  countTo,
  crashLater,
  exitNow,
  fail,
  failLater,
  growTree,
  relayFailure,
  sellOut,
  sleepLong,
  SoldOut,
  statespace,
  whoAmI,
} from './fixtures/actors.ts'

expectNothingLeft()

/** Resolves when processes wait for their names: a test of warm actors would start cold ones before. */
async function warmedUp(): Promise<void> {
  const { carriers } = currentRuntime()
  await eventually('warm processes wait', () => carriers.waiting === WARM_ACTORS)
}

describe.each(['process', 'warm', 'thread'] as const)('actors started by %s', (startMethod) => {
  let mesh: JoinedMesh
  beforeEach(async () => {
    mesh = await joinMesh({ name: 'root', startMethod })
    if (startMethod === 'warm') await warmedUp()
  })
  afterEach(async () => await mesh.leave())

  describe('a nursery that succeeds', () => {
    test('returns the value of its body after every child has ended', async () => {
      let who: CarriedBy | undefined
      const value = await openNursery(async (nursery) => {
        const portal = await nursery.runInActor('one', whoAmI)
        who = await portal.result()
        return 'done'
      })
      expect(value).toBe('done')
      expect(who).not.toMatchObject({ pid: process.pid, threadId })
      expect(isUp(who!)).toBe(false)
    })

    test('gives the result of a one-shot each time, also after the nursery has closed', async () => {
      const portal = await openNursery(async (nursery) => await nursery.runInActor('one', whoAmI))
      const first = await portal.result()
      expect(first.name).toBe('one')
      expect(await portal.result()).toBe(first)
    })

    test('ends a one-shot with its main task, while the block goes on', async () => {
      await openNursery(async (nursery) => {
        const who = await (await nursery.runInActor('one', whoAmI)).result()
        await eventually('what carried the one-shot is gone', () => !isUp(who))
      })
    })

    test('lets a one-shot stay for a sibling that is about to call it', async () => {
      const greetings = await openNursery(async (nursery) => {
        const donny = await nursery.runInActor('donny', callByName, 'gretchen')
        const gretchen = await nursery.runInActor('gretchen', callByName, 'donny')
        return [await gretchen.result(), await donny.result()]
      })
      expect(greetings).toEqual(['donny', 'gretchen'])
    })

    test('waits for a daemon until somebody cancels it', async () => {
      await openNursery(async (nursery) => {
        const frank = await nursery.startActor('frank', { modules: [actors] })
        expect((await frank.run(whoAmI)).name).toBe('frank')
        expect((await frank.run(whoAmI)).name).toBe('frank')
        await frank.cancelActor()
      })
    })

    test('ends normally when its own body has cancelled a one-shot, whose result says so', async () => {
      const portal = await openNursery(async (nursery) => {
        const sleeper = await nursery.runInActor('sleeper', sleepLong)
        await sleeper.cancelActor()
        return sleeper
      })
      const error = (await failureOf(portal.result())) as Error
      expect([error, error.cause].some((one) => one instanceof Cancelled || one instanceof ActorDied)).toBe(true)
    })

    test('copies the statespace into a child once, and nothing flows back', async () => {
      const state = { doggy: 10, toys: new Map([['ball', 1]]) }
      await openNursery(async (nursery) => {
        const portal = await nursery.startActor('kennel', { modules: [actors], statespace: state })
        state.doggy = 11
        expect(await portal.run(statespace)).toEqual({ doggy: 10, toys: new Map([['ball', 1]]) })
        nursery.cancel()
      })
    })

    test('runs local tasks under the same rules as actors', async () => {
      const seen: string[] = []
      await openNursery((nursery) => {
        const task = nursery.start(async () => {
          await sleep(20)
          seen.push('task')
          return 1
        })
        nursery.start(async () => void seen.push(`value ${await task.result()}`))
      })
      expect(seen).toEqual(['task', 'value 1'])
    })

    test('drains the stream of a one-shot that nobody asked for', async () => {
      await openNursery(async (nursery) => {
        await nursery.runInActor('streamer', countTo, 5_000)
      })
    })

    test('is ended normally by cancel(), whatever its children do', async () => {
      const value = await openNursery(async (nursery) => {
        await nursery.startActor('daemon', { modules: [actors] })
        await nursery.runInActor('sleeper', sleepLong)
        await nursery.runInActor('streamer', countForever)
        nursery.start(() => sleep(600_000))
        nursery.cancel()
        expect(nursery.cancelled).toBe(true)
        expect(nursery.signal.aborted).toBe(true)
        return 'ended'
      })
      expect(value).toBe('ended')
    })
  })

  describe('one cancels all', () => {
    test('the failure of a one-shot cancels its siblings and is thrown bare', async () => {
      const all: CarriedBy[] = []
      const error = await failureOf(
        openNursery(async (nursery) => {
          for (const name of ['a', 'b', 'c']) {
            const portal = await nursery.startActor(name, { modules: [actors] })
            all.push(await portal.run(whoAmI))
          }
          await nursery.runInActor('failing', fail, 'oops')
          await sleep(600_000)
        }),
      )
      expect(error).toBeInstanceOf(RemoteActorError)
      expect((error as RemoteActorError).cause).toBeInstanceOf(RangeError)
      expect((error as RemoteActorError).origin.name).toBe('failing')
      expect(all.map(isUp)).toEqual([false, false, false])
    })

    test.each([1, 2, 3])(
      '%i one-shots that fail beside sleepers and daemons take all of them down',
      async (failing) => {
        const error = await failureOf(
          openNursery(async (nursery) => {
            await nursery.startActor('daemon', { modules: [actors] })
            await nursery.runInActor('sleeper', sleepLong)
            for (let i = 0; i < failing; i++) await nursery.runInActor(`failing ${i}`, failLater, 400, `failure ${i}`)
          }),
        )
        const errors = error instanceof AggregateError ? error.errors : [error]
        expect(errors.length).toBeGreaterThanOrEqual(1)
        expect(errors.length).toBeLessThanOrEqual(failing)
        for (const one of errors) expect((one as RemoteActorError).cause).toBeInstanceOf(RangeError)
      },
    )

    test('the failure of the body cancels the children and is thrown bare', async () => {
      const failure = new Error('the director is ill')
      const error = await failureOf(
        openNursery(async (nursery) => {
          await nursery.runInActor('sleeper', sleepLong)
          nursery.start(() => sleep(600_000))
          throw failure
        }),
      )
      expect(error).toBe(failure)
    })

    test('the failure of a local task cancels the body and the other children', async () => {
      const failure = new Error('task')
      const error = await failureOf(
        openNursery(async (nursery) => {
          await nursery.startActor('daemon', { modules: [actors] })
          nursery.start(async () => {
            await sleep(10)
            throw failure
          })
          await sleep(600_000)
        }),
      )
      expect(error).toBe(failure)
    })

    test('two failures come as an AggregateError of both, echoes of the cancel left out', async () => {
      const error = await failureOf(
        openNursery(async (nursery) => {
          nursery.start(async () => await sleep(600_000))
          nursery.start(async () => {
            await sleep(600_000).catch(() => {})
            throw new TypeError('while cleaning up')
          })
          throw new RangeError('first')
        }),
      )
      expect(error).toBeInstanceOf(AggregateError)
      const { errors, message } = error as AggregateError
      expect(errors.map((one: Error) => one.name)).toEqual(['RangeError', 'TypeError'])
      expect(message).toContain('RangeError: first')
    })

    test('an error that the body passes on is not counted twice', async () => {
      const error = await failureOf(
        openNursery(async (nursery) => await (await nursery.runInActor('failing', sellOut, 3)).result()),
      )
      expect(error).toBeInstanceOf(RemoteActorError)
      expect((error as RemoteActorError).cause).toBeInstanceOf(SoldOut)
      expect((error as RemoteActorError).cause).toMatchObject({ seats: 3, message: 'no seats left' })
    })

    test('an error through two levels keeps its origin and its way', async () => {
      const error = await failureOf(
        openNursery(async (nursery) => await (await nursery.runInActor('middle', relayFailure, 'deep')).result()),
      )
      expect(error).toBeInstanceOf(RemoteActorError)
      const { origin, path, cause } = error as RemoteActorError
      expect(origin.name).toBe('below')
      expect(path).toEqual(['below', 'middle'])
      expect(cause).toBeInstanceOf(RangeError)
    })

    test('a daemon whose process ends by itself is a failure that says how', async () => {
      const error = await failureOf(
        openNursery(async (nursery) => {
          const portal = await nursery.startActor('fragile', { modules: [actors] })
          await portal.run(exitNow, 7)
        }),
      )
      expect(error).toBeInstanceOf(ActorDied)
      expect((error as ActorDied).message).toContain('exited with code 7')
    })

    test.skipIf(startMethod === 'thread')(
      'an actor that is killed rejects the call in flight with an error that says so, once',
      async () => {
        const error = await failureOf(
          openNursery(async (nursery) => {
            const portal = await nursery.startActor('victim', { modules: [actors] })
            const { pid } = await portal.run(whoAmI)
            const call = portal.run(sleepLong)
            process.kill(pid, 'SIGKILL')
            await call
          }),
        )
        expect(error).toBeInstanceOf(ActorDied)
        expect((error as ActorDied).message).toContain('victim')
        expect((error as ActorDied).message).toContain('SIGKILL')
      },
    )

    test('an error that nobody catches in an actor reaches the nursery', async () => {
      const error = await failureOf(
        openNursery(async (nursery) => {
          const portal = await nursery.startActor('careless', { modules: [actors] })
          await portal.run(crashLater)
        }),
      )
      expect(error).toBeInstanceOf(ActorDied)
      expect((error as ActorDied).cause).toBeInstanceOf(TypeError)
      expect((error as ActorDied).message).toContain('nobody catches this')
    })
  })

  describe('cancelled from outside', () => {
    test('a scope around it takes the whole subtree down and absorbs only its own cancel', async () => {
      let inner: unknown
      const { cancelled } = await moveOnAfter(600, async () => {
        try {
          await openNursery(async (nursery) => {
            const portal = await nursery.startActor('bubbles', { modules: [actors] })
            for await (const _ of portal.run(countForever));
          })
        } catch (error) {
          inner = error
          throw error
        }
      })
      expect(cancelled).toBe(true)
      expect(inner).toBeInstanceOf(Cancelled)
    })

    test('nested nurseries in nested actors end with the top one', async () => {
      const started = performance.now()
      await openNursery(async (nursery) => {
        await nursery.runInActor('tree', growTree, 2, 2, 'asleep')
        await delay(2_500)
        nursery.cancel()
      })
      expect(performance.now() - started).toBeLessThan(deadline(15_000))
    })

    test('a child that is spawned while the nursery is being cancelled never survives', async () => {
      await openNursery(async (nursery) => {
        const spawning = ['a', 'b', 'c'].map((name) => nursery.startActor(name, { modules: [actors] }))
        nursery.cancel()
        const outcomes = await Promise.allSettled(spawning)
        for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected' })
        await expect(nursery.startActor('late')).rejects.toBeInstanceOf(Cancelled)
      })
    })

    test('clean-up in an actor runs before its process ends', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'greenroom-clean-up-'))
      const file = join(folder, 'log')
      try {
        await openNursery(async (nursery) => {
          await nursery.runInActor('tidy', cleanUpInto, file)
          await delay(100)
          nursery.cancel()
        })
        expect(readFileSync(file, 'utf8')).toBe('tidy cleaned up\n')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    test('a deaf child is ended by force and delays nobody', async () => {
      const grace = 400
      await openNursery(
        async (nursery) => {
          const deaf = await nursery.startActor('deaf', { modules: [actors] })
          const portal = await nursery.startActor('keen', { modules: [actors] })
          const who = await portal.run(whoAmI)
          const call = deaf.call('test-actors#busyLoop').catch(() => {})
          await delay(100)
          const cancelled = performance.now()
          nursery.cancel()
          await eventually('the sibling is gone', () => !isUp(who))
          expect(performance.now() - cancelled).toBeLessThan(deadline(grace))
          await call
        },
        { graceMs: grace },
      )
    })
  })
})
