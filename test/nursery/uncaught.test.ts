import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ActorDied, joinMesh, nurseryReports, openNursery, RemoteActorError, sleep } from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { startProgram } from '../support/program.ts'
import { careless, holdOn, holdOnBelow, name, releaseInto, throwLater, throwTwice, wait } from './fixtures/careless.ts'

/** The rules of docs/lifetimes.md for what nobody catches. */
expectNothingLeft()

const modules = [careless]
let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'greenroom-uncaught-'))
  file = join(folder, 'log')
})
afterEach(() => rmSync(folder, { recursive: true }))
const written = (): string[] => {
  try {
    return readFileSync(file, 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

describe.each(['process', 'warm', 'thread'] as const)('an error that nobody catches, in a %s', (startMethod) => {
  test('cancels the actor first: the finally blocks of its calls run, then what it registered with onExit', async () => {
    await using _mesh = await joinMesh({ name: 'root', startMethod })
    const error = await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.startActor('actor', { modules })
        await portal.run(releaseInto, file)
        nursery.start(async () => await portal.run(holdOn, file, 'cancel'))
        await portal.run(throwLater, 'error')
        await sleep(600_000)
      }),
    )
    expect(error).toBeInstanceOf(ActorDied)
    expect((error as ActorDied).cause).toBeInstanceOf(TypeError)
    expect(written()).toEqual(['finally of actor', 'onExit of actor'])
    expect(nurseryReports(error)[0]?.children[0]).toMatchObject({ name: 'actor', outcome: 'failed', steps: [] })
  })
})

test('an actor below ends in order as well when the one above crashes', async () => {
  await using _mesh = await joinMesh({ name: 'root' })
  const error = await failureOf(
    openNursery(async (nursery) => {
      const portal = await nursery.startActor('above', { modules })
      nursery.start(async () => await portal.run(holdOnBelow, file))
      await eventually('the actor below is up', () => written().includes('below is up'), 10_000)
      await portal.run(throwLater, 'error')
      await sleep(600_000)
    }),
  )
  expect(error).toBeInstanceOf(ActorDied)
  expect(written()).toEqual(['below is up', 'finally of below'])
})

test('its callers hear of the death, and what its tasks answer to the cancel is told', async () => {
  await using _mesh = await joinMesh({ name: 'root', logLevel: 'error' })
  await openNursery(
    async (nursery) => {
      const portal = await nursery.startActor('actor', { modules, restart: 'temporary' })
      const calls = (['cancel', 'value', 'error'] as const).map(
        async (answer) => await portal.run(holdOn, file, answer),
      )
      const settled = Promise.allSettled(calls)
      await portal.run(throwLater, 'error')
      const [cut, value, raised] = await settled
      expect(cut).toMatchObject({ status: 'rejected', reason: { code: 'ACTOR_DIED' } })
      const { reason: death } = cut as PromiseRejectedResult
      expect((death as ActorDied).message).toContain('nobody catches this (nobody caught it)')
      expect(value).toEqual({ status: 'fulfilled', value: 'in spite of all' })
      const { reason } = raised as PromiseRejectedResult
      expect(reason).toBeInstanceOf(RemoteActorError)
      expect(reason).toMatchObject({ cause: { message: 'raised in answer' } })
    },
    { strategy: 'one-for-one' },
  )
})

test('its siblings are cancelled at once, not after its clean-up', async () => {
  await using _mesh = await joinMesh({ name: 'root' })
  const ends: string[] = []
  await failureOf(
    openNursery(async (nursery) => {
      const portal = await nursery.startActor('actor', { modules })
      nursery.start(async () => {
        try {
          await sleep(600_000)
        } finally {
          ends.push(`sibling, with ${written().length} lines of clean-up`)
        }
      })
      nursery.start(async () => await portal.run(holdOn, file, 'cancel'))
      await portal.run(throwLater, 'error')
      await sleep(600_000)
    }),
  )
  expect(ends).toEqual(['sibling, with 0 lines of clean-up'])
  expect(written()).toEqual(['finally of actor'])
})

test('the main task of a one-shot that crashes counts once', async () => {
  await using _mesh = await joinMesh({ name: 'root' })
  const error = await failureOf(
    openNursery(async (nursery) => {
      const portal = await nursery.runInActor('one-shot', wait)
      await portal.call('careless#throwLater', 'error')
      await portal.result()
    }),
  )
  expect(error).toBeInstanceOf(ActorDied)
})

test('a second error that nobody catches does not hide the first one', async () => {
  await using _mesh = await joinMesh({ name: 'root', logLevel: 'silent' })
  const error = await failureOf(
    openNursery(async (nursery) => {
      const portal = await nursery.startActor('actor', { modules })
      await portal.run(throwTwice, file)
    }),
  )
  expect((error as ActorDied).cause).toBeInstanceOf(TypeError)
  expect(written()).toEqual(['throws again'])
})

test('an actor that crashed is restarted after its clean-up', async () => {
  await using _mesh = await joinMesh({ name: 'root', logLevel: 'silent' })
  await openNursery(
    async (nursery) => {
      const portal = await nursery.startActor('actor', { modules })
      await portal.run(releaseInto, file)
      await portal.run(throwLater, 'error')
      await eventually('the crash is known', () => nursery.report.children[0]?.restartCount === 1)
      expect(written()).toEqual(['onExit of actor'])
      expect(await portal.run(name)).toBe('actor')
      nursery.cancel()
    },
    { strategy: 'one-for-one' },
  )
})

describe('in a root of run()', () => {
  const program = new URL('./fixtures/uncaught-program.ts', import.meta.url)

  test.each([
    ['error', 'nobody catches this'],
    ['rejection', 'nobody awaits this'],
  ])(
    'an %s that nobody waits for ends the process as Node does, and its actors by their lifelines',
    async (what, words) => {
      const root = await startProgram(program, { args: [what, file] })
      expect(await root.waitForExit(20_000)).toEqual({ code: 1, signal: null })
      expect(root.stderr.join('\n')).toContain(`RangeError: ${words}`)
      expect(root.stdout).toEqual(['up'])
      await eventually('the orphan has cleaned up', () => written().length === 2)
      expect(written()).toEqual(['finally of actor', 'onExit of actor'])
    },
  )

  test('the echoes of a cancel that nobody awaits are no failure', async () => {
    const root = await startProgram(program, { args: ['echo', file] })
    expect(await root.waitForExit(20_000)).toEqual({ code: 0, signal: null })
    expect(root.stdout).toEqual(['up', 'run has ended'])
    expect(root.stderr).toEqual([])
  })

  test('a program that listens for rejections itself has the word', async () => {
    const root = await startProgram(program, { args: ['listens', file] })
    expect(await root.waitForExit(20_000)).toEqual({ code: 0, signal: null })
    expect(root.stdout).toEqual(['up', 'heard RangeError: nobody awaits this', 'run has ended'])
  })
})
