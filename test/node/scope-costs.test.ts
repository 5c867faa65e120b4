import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { currentSignal } from '../../node/cancel-scope.ts'
import { cancelScope, failAfter, moveOnAfter, shield, sleep } from '../../node/scopes.ts'
import { namedWaits } from '../../node/waits.ts'

/** Entries, and exits, of scopes in one test. */
const SCOPES = 100_000
const LEVELS = 200
const SLACK = 2 * 1024 * 1024

const forever = 1_000_000
const verbs = [
  async (body: () => Promise<void>) => void (await cancelScope(body)),
  async (body: () => Promise<void>) => void (await moveOnAfter(forever, body)),
  async (body: () => Promise<void>) => await failAfter(forever, body),
  async (body: () => Promise<void>) => await shield(forever, body),
]

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

function heapAfterGc(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

/** What Node says of listeners that pile up. */
function warnings(): Error[] {
  const heard: Error[] = []
  const onWarning = (warning: Error): void => void heard.push(warning)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  return heard
}

test('100,000 scopes one after another leave the heap, the timers and the listeners of the outer one as they were', async () => {
  const heard = warnings()
  await cancelScope(async ({ signal }) => {
    const enter = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++)
        await verbs[i % verbs.length]!(async () => {
          // As a library does that forgets to take its listener back.
          currentSignal().addEventListener('abort', () => {})
        })
    }
    await enter(SCOPES / 10)
    const before = { heap: heapAfterGc(), timers: timers() }
    await enter(SCOPES)
    expect(heapAfterGc() - before.heap).toBeLessThan(SLACK)
    expect(timers()).toBe(before.timers)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
  expect(heard).toEqual([])
})

test('100,000 scopes, two hundred deep in one go, leave the heap and the timers as they were, whether they end or are cancelled', async () => {
  const heard = warnings()
  const nest = async (levels: number, innermost: () => Promise<void>): Promise<void> => {
    if (levels === 0) await innermost()
    else await verbs[levels % (verbs.length - 1)]!(async () => await nest(levels - 1, innermost))
  }
  const dive = async (times: number): Promise<number> => {
    let cancelled = 0
    for (let i = 0; i < times; i++) {
      const result = await cancelScope(async (scope) => {
        await nest(LEVELS, async () => {
          expect(currentSignal().aborted).toBe(false)
          if (i % 2 === 0) return
          scope.cancel('from the very top')
          expect(currentSignal().aborted).toBe(true)
          await sleep(forever)
        })
      })
      if (result.cancelled) cancelled += 1
    }
    return cancelled
  }
  await dive(10)
  const before = { heap: heapAfterGc(), timers: timers() }
  expect(await dive(SCOPES / LEVELS)).toBe(SCOPES / LEVELS / 2)
  expect(heapAfterGc() - before.heap).toBeLessThan(SLACK)
  expect(timers()).toBe(before.timers)
  expect(namedWaits()).toEqual([])
  expect(heard).toEqual([])
})

test('100,000 sleeps that are cancelled leave nothing in the books of what is waited for', async () => {
  const sleepAll = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += LEVELS)
      await cancelScope(async (scope) => {
        const sleeping = Array.from({ length: LEVELS }, async () => await sleep(forever).catch(() => {}))
        expect(namedWaits()).toHaveLength(LEVELS)
        scope.cancel()
        await Promise.all(sleeping)
      })
  }
  await sleepAll(SCOPES / 10)
  const before = heapAfterGc()
  await sleepAll(SCOPES)
  expect(heapAfterGc() - before).toBeLessThan(SLACK)
  expect(namedWaits()).toEqual([])
})
