import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { DeadlineExceeded, failAfter, moveOnAfter, openNursery, shield, sleep, TooManyRestarts } from '../../index.ts'
import { setLogLevel } from '../../node/log.ts'
import { fakeClock, MAX_FIRINGS } from '../../testing/fake-clock.ts'
import { openTestMesh } from '../../testing/index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { film, hi, rest } from './fixtures/film.ts'

expectNothingLeft()
const HOUR_MS = 3_600_000

describe('a fake clock', () => {
  test('stands still until it is told to advance, and then wakes whoever is due, in order', async () => {
    using clock = fakeClock()
    const woken: string[] = []
    const late = sleep(2_000).then(() => woken.push(`late at ${clock.now()}`))
    const soon = sleep(1_000).then(() => woken.push(`soon at ${clock.now()}`))
    await clock.advance(999)
    expect([woken, clock.pending, clock.now()]).toEqual([[], 2, 999])
    await clock.advance(5_000)
    expect(woken).toEqual(['soon at 1000', 'late at 2000'])
    expect([clock.pending, clock.now()]).toEqual([0, 5_999])
    await Promise.all([late, soon])
  })

  test('lets what was woken run until it waits again: a loop that sleeps goes round as often as there is time', async () => {
    using clock = fakeClock()
    let rounds = 0
    const loop = moveOnAfter(60_000, async () => {
      for (;;) {
        await sleep(1_000)
        rounds++
      }
    })
    await clock.advance(59_999)
    expect(rounds).toBe(59)
    await clock.advance(1)
    expect((await loop).cancelled).toBe(true)
  })

  test('decides when scopes are over: failAfter, and a shield that holds', async () => {
    using clock = fakeClock()
    const failing = failureOf(failAfter(HOUR_MS, async () => await sleep(2 * HOUR_MS)))
    const held = moveOnAfter(100, async () => await shield(500, async () => await sleep(400)))
    await clock.advance(500)
    expect(await held).toMatchObject({ cancelled: false })
    await clock.advance(HOUR_MS)
    expect(await failing).toBeInstanceOf(DeadlineExceeded)
  })

  test('decides when calls between actors of the process are late, on both sides, and ends nobody of the mesh', async () => {
    await using mesh = await openTestMesh()
    const donny = await mesh.startActor('donny', { modules: [film] })
    using clock = fakeClock()
    const rested = donny.portal.run(rest, HOUR_MS)
    const late = failureOf(donny.portal.with({ timeout: 60_000 }).run(rest, 2 * HOUR_MS))
    const bounded = failureOf(failAfter(30_000, async () => await donny.portal.run(rest, HOUR_MS)))
    await clock.advance(HOUR_MS)
    expect(await rested).toBe('rested')
    expect(await late).toBeInstanceOf(DeadlineExceeded)
    expect(await bounded).toBeInstanceOf(DeadlineExceeded)
    expect(await donny.portal.run(hi)).toBe('Hi my name is donny')
  })

  test('decides when a supervisor starts a task again, and within which time restarts are counted', async () => {
    using clock = fakeClock()
    let runs = 0
    const work = async (): Promise<void> => {
      runs++
      await sleep(10_000)
      throw new RangeError('it fails')
    }
    setLogLevel('silent')
    onTestFinished(() => setLogLevel('warn'))
    await using mesh = await openTestMesh()
    const supervised = failureOf(
      mesh.act(
        async () =>
          await openNursery(async (nursery) => void nursery.start(work, { restart: 'permanent' }), {
            strategy: 'one-for-one',
            maxRestarts: 2,
            withinMs: 15_000,
          }),
      ),
    )
    // two restarts within fifteen seconds at most
    for (let second = 0; second < 60; second++) await clock.advance(1_000)
    expect(runs).toBeGreaterThan(4)
    await mesh[Symbol.asyncDispose]()
    expect(await supervised).not.toBeInstanceOf(TooManyRestarts)
  })

  test('gives the time back: what still waits goes on by the real clock', async () => {
    const clock = fakeClock()
    const left = sleep(1_010)
    await clock.advance(1_000)
    clock[Symbol.dispose]()
    await left
    using another = fakeClock()
    expect(another.now()).toBe(0)
  })

  test('is one at a time, and takes only times', async () => {
    using clock = fakeClock()
    expect(() => fakeClock()).toThrow('there is a fake clock already')
    await expect(clock.advance(-1)).rejects.toThrow('advances by 0 to')
    await expect(clock.advance(Number.NaN)).rejects.toThrow('got NaN')
  })

  test('goes beside the one of a test runner, which has the timers that are not of greenroom', async () => {
    vi.useFakeTimers()
    try {
      using clock = fakeClock()
      const sleeping = sleep(1_000)
      let other = false
      setTimeout(() => (other = true), 1_000)
      await clock.advance(1_000)
      await sleeping
      expect(other).toBe(false)
      await vi.advanceTimersByTimeAsync(1_000)
      expect(other).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })

  test('leaves sleeps to the one of a test runner where there is no other', async () => {
    vi.useFakeTimers()
    try {
      const sleeping = moveOnAfter(500, async () => await sleep(1_000))
      await vi.advanceTimersByTimeAsync(500)
      expect((await sleeping).cancelled).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })

  test('ends what sleeps for no time again and again', async () => {
    using clock = fakeClock()
    let on = true
    const busy = (async () => {
      while (on) await sleep(0)
    })()
    await expect(clock.advance(1)).rejects.toThrow(`more than ${MAX_FIRINGS} timers`)
    on = false
    clock[Symbol.dispose]()
    await busy
  }, 120_000)
})
