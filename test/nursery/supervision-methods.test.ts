import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ActorDied,
  joinMesh,
  type JoinedMesh,
  type Nursery,
  type NurseryOptions,
  openNursery,
  type Portal,
  type Restart,
  type Strategy,
  TooManyRestarts,
  waitForActor,
} from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { within } from '../support/within.ts'
import { endBy, identity, signOut, supervised } from './fixtures/supervised.ts'

expectNothingLeft()

const modules = [supervised]
const swift = { backoff: { firstMs: 1 } } satisfies NurseryOptions

/** What holds of supervision however the supervised actors are started; `supervision.test.ts` has the rest. */
describe.each(['process', 'warm', 'thread'] as const)('supervised actors started by %s', (startMethod) => {
  let mesh: JoinedMesh
  beforeEach(async () => {
    mesh = await joinMesh({ name: 'root', logLevel: 'error', startMethod })
  })
  afterEach(async () => await mesh.leave())

  async function restarted(nursery: Nursery, name: string, times = 1): Promise<void> {
    await eventually(
      `${name} has been restarted`,
      () => (nursery.report.children.find((child) => child.name === name)?.restartCount ?? 0) >= times,
    )
  }

  test.each<[Restart, Parameters<typeof endBy>[0] | 'cancel']>([
    ['permanent', 'exit 0'],
    ['permanent', 'cancel'],
    ['permanent', 'uncaught'],
    ['transient', 'exit 3'],
  ])('a %s one that ends by %s is restarted, and its portal leads to the new one', async (restart, how) => {
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('phoenix', { modules, restart, statespace: { seats: 3 } })
        const before = await portal.run(identity)
        if (how === 'cancel') await portal.cancelActor()
        else await portal.run(endBy, how).catch(() => {})
        await restarted(nursery, 'phoenix')
        const after = await within('a call', portal.run(identity), 20_000)
        expect(after).toMatchObject({ name: 'phoenix', id: portal.id, statespace: { seats: 3 } })
        expect(after.id).not.toBe(before.id)
        expect((await waitForActor('phoenix')).id).toBe(after.id)
        nursery.cancel()
      },
      { ...swift, strategy: 'one-for-one' },
    )
  })

  test.each<[Restart, Parameters<typeof endBy>[0]]>([
    ['transient', 'exit 0'],
    ['temporary', 'exit 3'],
  ])('a %s one that ends by %s is not restarted, and its portal says so', async (restart, how) => {
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('mayfly', { modules, restart })
        await portal.run(endBy, how).catch(() => {})
        expect(await failureOf(portal.run(identity))).toBeInstanceOf(ActorDied)
        expect(nursery.report.children).toMatchObject([{ name: 'mayfly', restartCount: 0 }])
      },
      { ...swift, strategy: 'one-for-one' },
    )
  })

  test.each<[Strategy, readonly boolean[]]>([
    ['one-for-one', [false, true, false]],
    ['rest-for-one', [false, true, true]],
    ['one-for-all', [true, true, true]],
  ])('%s: the second of three ends, and these are new: %j', async (strategy, expected) => {
    await openNursery(
      async (nursery) => {
        const portals: Portal<never>[] = []
        for (const name of ['a', 'b', 'c']) portals.push(await nursery.startActor(name, { modules }))
        const before = portals.map(({ id }) => id)
        await portals[1]!.run(endBy, 'exit 3').catch(() => {})
        await eventually('the second one is back', () => portals[1]!.id !== before[1])
        await eventually('all are up', () => nursery.report.children.every(({ outcome }) => outcome === 'running'))
        const after = []
        for (const portal of portals) after.push((await within('a call', portal.run(identity), 20_000)).id)
        expect(after.map((id, i) => id !== before[i])).toEqual(expected)
        nursery.cancel()
      },
      { ...swift, strategy },
    )
  })

  test('more restarts than allowed fail the nursery, and nothing is left', async () => {
    const error = await failureOf(
      openNursery(
        async (nursery) => {
          await nursery.startActor('bystander', { modules })
          const portal = await nursery.startActor('phoenix', { modules })
          for (let times = 1; ; times++) {
            await portal.run(endBy, 'exit 3').catch(() => {})
            if (times > 1) break
            await restarted(nursery, 'phoenix')
          }
        },
        { ...swift, strategy: 'one-for-one', maxRestarts: 1, withinMs: 60_000 },
      ),
    )
    expect(error).toBeInstanceOf(TooManyRestarts)
  })

  test('they end in the reverse order of their starts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'greenroom-order-'))
    const file = join(folder, 'log')
    try {
      await openNursery(
        async (nursery) => {
          for (const name of ['a', 'b', 'c'])
            await (await nursery.startActor(name, { modules })).run(signOut, file, name === 'a' ? 0 : 50)
          nursery.cancel()
        },
        { strategy: 'one-for-one' },
      )
      expect(readFileSync(file, 'utf8')).toBe('c\nb\na\n')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
