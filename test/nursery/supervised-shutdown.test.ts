import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { joinMesh, type JoinedMesh, type Nursery, openNursery, RemoteActorError } from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { isAlive } from '../support/process-watcher.ts'
import { cleanUpSlowly, deaf, identity, signOut, supervised } from './fixtures/supervised.ts'

expectNothingLeft()

let mesh: JoinedMesh
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'greenroom-shutdown-'))
  mesh = await joinMesh({ name: 'root', logLevel: 'error' })
})
afterEach(async () => {
  await mesh.leave()
  rmSync(folder, { recursive: true })
})

const modules = [supervised]

test('ends supervised actors in the reverse order of their starts, each before the next one', async () => {
  const file = join(folder, 'log')
  await openNursery(
    async (nursery) => {
      for (const [i, name] of ['a', 'b', 'c'].entries())
        await (await nursery.startActor(name, { modules })).run(signOut, file, i * 40)
      nursery.cancel()
    },
    { strategy: 'one-for-one' },
  )
  expect(readFileSync(file, 'utf8')).toBe('c\nb\na\n')
})

test.each([
  ['brutal', 0, ['SIGKILL']],
  ['timeout', 400, ['cancel', 'SIGTERM']],
] as const)('a deaf actor is ended as its own shutdown time says: %s', async (_, shutdownMs, steps) => {
  let nursery: Nursery | undefined
  await openNursery(
    async (opened) => {
      nursery = opened
      const portal = await opened.startActor('deaf', { modules, shutdownMs })
      const { pid } = await portal.run(identity)
      portal.run(deaf, join(folder, 'deaf')).catch(() => {})
      await eventually('it is busy', () => existsSync(join(folder, 'deaf')))
      opened.cancel()
      await eventually('it is gone', () => !isAlive(pid))
    },
    { strategy: 'one-for-one', graceMs: 60_000 },
  )
  // a SIGKILL may follow where the operating system takes its time
  expect(nursery?.report.children[0]?.steps.map(({ step }) => step).slice(0, 2)).toEqual(steps)
})

test('an infinite shutdown time waits for a slow clean-up', async () => {
  const started = performance.now()
  await openNursery(
    async (nursery) => {
      const portal = await nursery.startActor('slow', { modules, shutdownMs: Number.POSITIVE_INFINITY })
      portal.run(cleanUpSlowly, 1_500, join(folder, 'up')).catch(() => {})
      await eventually('it is up', () => existsSync(join(folder, 'up')))
      await portal.run(signOut, join(folder, 'log'), 0)
      nursery.cancel()
    },
    { strategy: 'one-for-one', graceMs: 100 },
  )
  expect(performance.now() - started).toBeGreaterThan(1_500)
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('slow\n')
})

test('what a one-shot raises after a long clean-up arrives when the grace is long enough', async () => {
  const error = await failureOf(
    openNursery(
      async (nursery) => {
        await nursery.runInActor('slow', cleanUpSlowly, 1_500, join(folder, 'up'), 'the clean-up failed')
        await eventually('it is up', () => existsSync(join(folder, 'up')))
        nursery.cancel()
      },
      { graceMs: 10_000 },
    ),
  )
  expect(error).toBeInstanceOf(RemoteActorError)
  expect((error as RemoteActorError).cause).toMatchObject({ message: 'the clean-up failed' })
})
