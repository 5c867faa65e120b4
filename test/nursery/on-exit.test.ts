import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { currentActor, joinMesh, openNursery, run, sleep } from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { holdAndEnd, holdForEver, holding, tellAtTheEnd, type End } from './fixtures/holding.ts'

expectNothingLeft()

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'greenroom-on-exit-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const released = (): string[] => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')

const ends: End[] = ['value', 'error', 'uncaught', 'unhandled', 'cancel', 'nursery']

test.each((['process', 'thread'] as const).flatMap((method) => ends.map((end) => [method, end] as const)))(
  'a one-shot that is a %s releases what it holds, in reverse order, also when it ends by %s',
  async (startMethod, end) => {
    await using _mesh = await joinMesh({ name: 'root', logLevel: 'error', startMethod })
    await openNursery(async (nursery) => {
      const portal = await nursery.runInActor('holder', holdAndEnd, join(folder, 'log'), end)
      await portal.call('holding#isHolding')
      if (end === 'cancel') await portal.cancelActor()
      if (end === 'nursery') nursery.cancel()
    }).catch(() => {})
    expect(released()).toEqual(['stack 2', 'stack 1', 'slow handler', 'first handler'])
  },
)

test('a daemon calls others while it releases', async () => {
  await using _mesh = await joinMesh({ name: 'root', modules: [holding] })
  await openNursery(async (nursery) => {
    const portal = await nursery.startActor('holder', { modules: [holding] })
    await portal.run(tellAtTheEnd, join(folder, 'log'), 'root')
    nursery.cancel()
  })
  expect(released()).toContain('root was told')
})

test('a release that never ends does not keep an actor from ending', async () => {
  await using _mesh = await joinMesh({ name: 'root', logLevel: 'silent' })
  const started = performance.now()
  await openNursery(
    async (nursery) => {
      const portal = await nursery.startActor('holder', { modules: [holding] })
      await portal.run(holdForEver)
      nursery.cancel()
    },
    { graceMs: 300 },
  )
  expect(performance.now() - started).toBeLessThan(deadline(4_000))
})

test('a root releases what it holds when run() ends, after its tasks and its children', async () => {
  const log: string[] = []
  await run(async () => {
    currentActor().onExit(() => log.push('released'))
    await openNursery(async (nursery) => {
      nursery.start(async () => {
        await sleep(20)
        log.push('task')
      })
    })
    log.push('main')
  })
  expect(log).toEqual(['task', 'main', 'released'])
})
