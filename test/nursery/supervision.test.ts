import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ActorDied,
  BootFailed,
  Cancelled,
  failAfter,
  findActor,
  findActors,
  joinMesh,
  type JoinedMesh,
  moveOnAfter,
  type Nursery,
  type NurseryOptions,
  openNursery,
  type Portal,
  type RemoteActorError,
  type Restart,
  sleep,
  TooManyRestarts,
  waitForActor,
} from '../../index.ts'
import { outsideScopes } from '../../node/cancel-scope.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { isAlive } from '../support/process-watcher.ts'
import { within } from '../support/within.ts'
import { endBy, fail, identity, supervised, superviseBelow, tick, wait } from './fixtures/supervised.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ name: 'root', logLevel: 'error' })
})
afterEach(async () => await mesh.leave())

const swift = { backoff: { firstMs: 1 } } satisfies NurseryOptions
const modules = [supervised]
type Identity = Awaited<ReturnType<typeof identity>>

/** Kills the process of the only actor of a nursery; resolves when its supervisor has noticed. */
async function kill(nursery: Nursery, portal: Portal<never>): Promise<Identity> {
  const before = await portal.run(identity)
  process.kill(before.pid, 'SIGKILL')
  await eventually('its supervisor knows', () =>
    nursery.report.children.every(({ restartCount }) => restartCount === 1),
  )
  return before
}

describe('the portal of a restarted actor', () => {
  test('goes on working, with the id of the new process, under the same name and with the same statespace', async () => {
    await openNursery(
      async (nursery) => {
        const state = { seats: 3 }
        const portal = await nursery.startActor('phoenix', { modules, statespace: state })
        state.seats = 4
        const before = await kill(nursery, portal)
        const after = await within('a call', portal.run(identity), 10_000)
        expect(after.pid).not.toBe(before.pid)
        expect(after.id).toBe(portal.id)
        expect(after.id).not.toBe(before.id)
        expect(after).toMatchObject({ name: 'phoenix', statespace: { seats: 3 } })
        expect(portal.name).toBe('phoenix')
        nursery.cancel()
      },
      { ...swift, strategy: 'one-for-one' },
    )
  })

  test('rejects what is in flight with ActorDied, calls and streams, and takes streams again', async () => {
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('phoenix', { modules })
        const { pid, id } = await portal.run(identity)
        const call = failureOf(portal.run(wait))
        const stream = failureOf(
          (async () => {
            for await (const moment of portal.run(tick)) if (moment === 5) process.kill(pid, 'SIGKILL')
          })(),
        )
        for (const error of [await call, await stream]) {
          expect(error).toBeInstanceOf(ActorDied)
          expect((error as ActorDied).actor.id).toBe(id)
        }
        for await (const moment of portal.run(tick)) if (moment === 5) break
        expect(portal.id).not.toBe(id)
        nursery.cancel()
      },
      { ...swift, strategy: 'one-for-one' },
    )
  })

  test('lets a call wait for the restart, bounded by the scope of the call', async () => {
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('phoenix', { modules })
        await kill(nursery, portal)
        const { cancelled } = await moveOnAfter(100, async () => await portal.run(identity))
        expect(cancelled).toBe(true)
        await expect(portal.with({ timeout: 50 }).run(identity)).rejects.toThrow('50 ms')
        nursery.cancel()
        expect(await failureOf(portal.run(identity))).toBeInstanceOf(Cancelled)
      },
      { strategy: 'one-for-one', backoff: { firstMs: 60_000, maxMs: 60_000 } },
    )
  })

  test('says so when the actor is not restarted any more, to those who wait as well', async () => {
    let portal: Portal<never> | undefined
    let waiting: Promise<unknown> | undefined
    const folder = mkdtempSync(join(tmpdir(), 'greenroom-once-'))
    const file = join(folder, 'once.ts')
    const index = new URL('../../index.ts', import.meta.url).href
    writeFileSync(file, `import { expose } from '${index}'\nexpose(import.meta, {}, 'once')\n`)
    const once = { url: pathToFileURL(file).href, namespace: 'once' }
    const error = await failureOf(
      openNursery(
        async (nursery) => {
          portal = await nursery.startActor('mortal', { modules: [supervised, once] })
          const { pid } = await portal.run(identity)
          // a module that only the first process can import
          rmSync(file)
          process.kill(pid, 'SIGKILL')
          await eventually('its supervisor knows', () => nursery.report.children[0]?.restartCount === 1)
          waiting = failureOf(outsideScopes(async () => await portal!.call('once#anything')))
          await sleep(600_000)
        },
        { ...swift, strategy: 'one-for-one', maxRestarts: 1 },
      ),
    )
    expect(error).toBeInstanceOf(TooManyRestarts)
    rmSync(folder, { recursive: true })
    expect((error as TooManyRestarts).cause).toBeInstanceOf(BootFailed)
    for (const late of [await waiting, await failureOf(portal!.run(identity))]) {
      expect(late).toBeInstanceOf(ActorDied)
      expect((late as ActorDied).message).toContain('not restarted')
    }
  })

  test('others find the new process by name, and never the old one', async () => {
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('phoenix', { modules })
        const before = await kill(nursery, portal)
        const found = await failAfter(deadline(10_000), async () => await waitForActor('phoenix'))
        expect(found.id).not.toBe(before.id)
        await eventually('the portal has come back as well', () => portal.id === found.id)
        expect(findActors('phoenix').map(({ id }) => id)).toEqual([portal.id])
        nursery.cancel()
      },
      { ...swift, strategy: 'one-for-one' },
    )
    expect(await findActor('phoenix')).toBeUndefined()
  })
})

describe('permanent, transient, temporary', () => {
  test.each<[Restart, Parameters<typeof endBy>[0] | 'cancel', boolean]>([
    ['permanent', 'exit 0', true],
    ['permanent', 'cancel', true],
    ['permanent', 'uncaught', true],
    ['transient', 'exit 0', false],
    ['transient', 'cancel', false],
    ['transient', 'exit 3', true],
    ['transient', 'uncaught', true],
    ['temporary', 'exit 0', false],
    ['temporary', 'SIGKILL', false],
  ])('a %s actor that ends by %s is restarted: %s', async (restart, how, again) => {
    let report: Nursery['report'] | undefined
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('a', { modules, restart })
        const { pid } = await portal.run(identity)
        if (how === 'cancel') await portal.cancelActor()
        else await portal.run(endBy, how).catch(() => {})
        await eventually('its supervisor knows', () =>
          nursery.report.children.every(({ restartCount, endedAt }) => restartCount === 1 || endedAt !== undefined),
        )
        const after = await portal.run(identity).catch((error: unknown) => error)
        expect(after instanceof ActorDied).toBe(!again)
        expect((after as Partial<Identity>).pid).not.toBe(pid)
        expect(nursery.cancelled).toBe(false)
        report = nursery.report
        if (again) nursery.cancel()
      },
      { ...swift, strategy: 'one-for-one' },
    )
    expect(report?.children).toMatchObject([{ name: 'a', restartCount: again ? 1 : 0 }])
    const [why] = report?.children[0]?.restarts.map((one) => one.why) ?? []
    expect(why?.includes('nobody catches this') ?? false).toBe(how === 'uncaught')
  })

  test('an actor that does not start is told to its starter alone, and is not tried again', async () => {
    await openNursery(
      async (nursery) => {
        const missing = { url: new URL('./fixtures/not-there.ts', import.meta.url).href, namespace: 'nothing' }
        await expect(nursery.startActor('a', { modules: [missing] })).rejects.toThrow('not-there.ts')
        const portal = await nursery.startActor('b', { modules })
        expect((await portal.run(identity)).name).toBe('b')
        expect(nursery.report.children.map(({ name, outcome }) => [name, outcome])).toEqual([
          ['a', 'failed'],
          ['b', 'running'],
        ])
        nursery.cancel()
      },
      { strategy: 'one-for-one' },
    )
  })
})

describe('strategies', () => {
  test.each([
    ['one-for-one', [false, true, false]],
    ['one-for-all', [true, true, true]],
    ['rest-for-one', [false, true, true]],
  ] as const)('%s: the second of three is killed, and these are new: %j', async (strategy, renewed) => {
    await openNursery(
      async (nursery) => {
        const portals: Portal<never>[] = []
        for (const name of ['a', 'b', 'c']) portals.push(await nursery.startActor(name, { modules }))
        const before = await Promise.all(portals.map((portal) => portal.run(identity)))
        process.kill(before[1]!.pid, 'SIGKILL')
        await eventually('the second one is back', () => portals[1]!.id !== before[1]!.id)
        await eventually('all are up', () => nursery.report.children.every(({ outcome }) => outcome === 'running'))
        const after = await Promise.all(portals.map((portal) => portal.run(identity)))
        expect(after.map(({ pid }, i) => pid !== before[i]!.pid)).toEqual(renewed)
        expect(before.map(({ pid }, i) => !renewed[i] || !isAlive(pid))).toEqual([true, true, true])
        nursery.cancel()
      },
      { ...swift, strategy },
    )
  })
})

test('a nursery that is cancelled while a child is down ends at once', async () => {
  let down = 0
  await openNursery(
    async (nursery) => {
      await kill(nursery, await nursery.startActor('phoenix', { modules }))
      await eventually('its restart was decided', () => nursery.report.children[0]?.restartCount === 1)
      down = performance.now()
      nursery.cancel()
    },
    { strategy: 'one-for-all', backoff: { firstMs: 60_000, maxMs: 60_000 } },
  )
  expect(performance.now() - down).toBeLessThan(deadline(500))
})

test('supervisors nest over processes: a failed one is its parent’s failure, and is restarted with a task around it', async () => {
  await openNursery(
    async (nursery) => {
      let lives = 0
      nursery.start(
        async () => {
          lives += 1
          await openNursery(async (inner) => {
            await inner.runInActor('manager', superviseBelow, ['worker'])
          })
        },
        { restart: 'permanent' },
      )
      const pids = new Set<number>()
      for (let kills = 0; kills < 2; kills++) {
        const worker = await failAfter(deadline(20_000), async () => await waitForActor('worker'))
        const { pid } = (await worker.call('supervised#identity')) as Identity
        pids.add(pid)
        process.kill(pid, 'SIGKILL')
        await eventually('it is gone', () => findActors('worker').every(({ id }) => id !== worker.id))
      }
      const third = await failAfter(deadline(20_000), async () => await waitForActor('worker'))
      expect(pids.has(((await third.call('supervised#identity')) as Identity).pid)).toBe(false)
      expect(lives).toBe(2)
      nursery.cancel()
    },
    { ...swift, strategy: 'one-for-one' },
  )
})

test('a failure of a one-shot cancels the supervised actors as well', async () => {
  let pid = 0
  const error = await failureOf(
    openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('daemon', { modules })
        pid = (await portal.run(identity)).pid
        await nursery.runInActor('failing', fail)
        await sleep(600_000)
      },
      { strategy: 'one-for-all' },
    ),
  )
  expect((error as RemoteActorError).cause).toBeInstanceOf(RangeError)
  expect(isAlive(pid)).toBe(false)
})
