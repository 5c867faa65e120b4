import { describe, expect, test } from 'vitest'
import { MAX_TIMEOUT_MS } from '../../node/scopes.ts'
import { BOOT_TIMEOUT_MS } from '../../nursery/actor-process.ts'
import type { ActorRuntime } from '../../nursery/actor-runtime.ts'
import { MAX_DEPTH } from '../../nursery/lifeline.ts'
import { actorSpec, CANCEL_GRACE_MS, GRACE_PER_LEVEL, nurserySettings } from '../../nursery/nursery-options.ts'
import { ChildPage } from '../../nursery/report.ts'
import { BACKOFF_MAX_MS, BACKOFF_MS, MAX_RESTARTS, RESTART_WINDOW_MS } from '../../nursery/restart-policy.ts'
import { spawnActor } from '../../nursery/spawn.ts'

test('a nursery of a root has the defaults that the documentation says', () => {
  expect(nurserySettings({}, 0, undefined)).toEqual({
    strategy: 'one-cancels-all',
    maxRestarts: MAX_RESTARTS,
    withinMs: RESTART_WINDOW_MS,
    backoff: { firstMs: BACKOFF_MS, maxMs: BACKOFF_MAX_MS },
    graceMs: CANCEL_GRACE_MS,
    bootTimeoutMs: BOOT_TIMEOUT_MS,
  })
})

test('the most of a backoff is never below its first one', () => {
  expect(nurserySettings({ backoff: { firstMs: 60_000 } }, 0, undefined).backoff).toEqual({
    firstMs: 60_000,
    maxMs: 60_000,
  })
})

describe('the grace', () => {
  /** Of the nurseries on each level of a tree in which nobody says another one. */
  function graces(first: number | undefined, levels: number): number[] {
    const all: number[] = []
    for (let depth = 0; depth < levels; depth++)
      all.push(nurserySettings(depth === 0 && first !== undefined ? { graceMs: first } : {}, depth, all.at(-1)).graceMs)
    return all
  }

  test('shrinks on each level, so that a parent outlasts the whole ladder of its children', () => {
    const all = graces(undefined, 8)
    expect(all.slice(0, 3)).toEqual([CANCEL_GRACE_MS, CANCEL_GRACE_MS * GRACE_PER_LEVEL, 562.5])
    // a ladder is its grace, and a quarter of it between the signals
    for (const [above, below] of all.slice(1).map((grace, i) => [all[i]!, grace] as const))
      expect(below * 1.25).toBeLessThan(above)
  })

  test('of a shorter or longer one, the levels below have their share at most', () => {
    expect(graces(200, 3)).toEqual([200, 150, 112.5])
    expect(graces(60_000, 2)).toEqual([60_000, 750])
  })

  test('is never so short that nothing could be cleaned up, unless somebody wants that', () => {
    expect(Math.min(...graces(undefined, MAX_DEPTH))).toBe(60)
    expect(nurserySettings({ graceMs: 0 }, 3, 1_000).graceMs).toBe(0)
  })
})

describe('an actor', () => {
  const settings = nurserySettings({ graceMs: 500 }, 0, undefined)

  test.each([
    [undefined, 500],
    [0, 0],
    [Number.POSITIVE_INFINITY, MAX_TIMEOUT_MS],
  ])('with a shutdown time of %s has %i ms for its end', (shutdownMs, graceMs) => {
    const options = shutdownMs === undefined ? {} : { shutdownMs }
    expect(actorSpec('a', options, settings, 'process').graceMs).toBe(graceMs)
  })

  test('is not started below the deepest level', () => {
    const runtime = { self: { name: 'deep', id: '' }, options: { depth: MAX_DEPTH } } as ActorRuntime
    expect(() => spawnActor(runtime, actorSpec('a', {}, settings, 'process'), new ChildPage('actor', 'a'))).toThrow(
      `'a' would be ${MAX_DEPTH + 1} levels below its root, the most is ${MAX_DEPTH}`,
    )
  })
})
