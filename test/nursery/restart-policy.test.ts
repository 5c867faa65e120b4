import { describe, expect, test } from 'vitest'
import {
  affected,
  backoffMs,
  countRestart,
  type ExitKind,
  nextAttempt,
  type Restart,
  RESTARTS,
  type RestartStrategy,
  shouldRestart,
} from '../../nursery/restart-policy.ts'

describe('who is restarted', () => {
  test.each<[Restart, ExitKind, boolean]>([
    ['permanent', 'normal', true],
    ['permanent', 'shutdown', true],
    ['permanent', 'abnormal', true],
    ['transient', 'normal', false],
    ['transient', 'shutdown', false],
    ['transient', 'abnormal', true],
    ['temporary', 'normal', false],
    ['temporary', 'shutdown', false],
    ['temporary', 'abnormal', false],
  ])('a %s child after a %s end: %s', (restart, exit, expected) => {
    expect(shouldRestart(restart, exit)).toBe(expected)
  })
})

describe('who ends and starts with it', () => {
  const children = 'a b c d'.split(' ').map((name) => ({ name, restart: 'permanent' as Restart }))
  const names = (some: readonly { name: string }[]): string => some.map(({ name }) => name).join('')

  test.each<[RestartStrategy, number, string, string]>([
    ['one-for-one', 0, '', 'a'],
    ['one-for-one', 2, '', 'c'],
    ['one-for-all', 0, 'dcb', 'abcd'],
    ['one-for-all', 2, 'dba', 'abcd'],
    ['one-for-all', 3, 'cba', 'abcd'],
    ['rest-for-one', 0, 'dcb', 'abcd'],
    ['rest-for-one', 1, 'dc', 'bcd'],
    ['rest-for-one', 3, '', 'd'],
  ])('%s, the child at %i has ended: "%s" end in this order, "%s" start', (strategy, ended, stop, start) => {
    const plan = affected(strategy, children, children[ended]!)
    expect([names(plan.stop), names(plan.start)]).toEqual([stop, start])
  })

  test('a temporary bystander ends with the group and does not come back', () => {
    const mixed = RESTARTS.map((restart) => ({ name: restart[0]! + restart[1]!, restart }))
    for (const strategy of ['one-for-all', 'rest-for-one'] as const) {
      const plan = affected(strategy, mixed, mixed[0]!)
      expect([names(plan.stop), names(plan.start)]).toEqual(['tetr', 'petr'])
    }
  })
})

describe('how often', () => {
  function admitted(times: readonly number[], max: number, withinMs: number): boolean[] {
    let past: readonly number[] | undefined = []
    return times.map((at) => {
      past = past && countRestart(past, at, max, withinMs)
      return past !== undefined
    })
  }

  test.each<[string, number, number, number[], boolean[]]>([
    ['no restart when none is allowed', 0, 5_000, [0], [false]],
    ['as many as are allowed', 2, 5_000, [0, 1, 2], [true, true, false]],
    ['the window slides', 2, 1_000, [0, 500, 1_001, 1_501], [true, true, true, true]],
    ['the window slides, but not that far', 2, 1_000, [0, 500, 1_001, 1_500], [true, true, true, false]],
    ['one at the very edge of the window counts', 1, 1_000, [0, 1_000], [true, false]],
    ['slow ones go on for ever', 1, 1_000, [0, 1_100, 2_200, 3_300], [true, true, true, true]],
  ])('%s', (_, max, withinMs, times, expected) => {
    expect(admitted(times, max, withinMs)).toEqual(expected)
  })

  test('no more is remembered than may be counted', () => {
    let past: readonly number[] = []
    for (let at = 0; at < 100_000; at += 300) past = countRestart(past, at, 4, 1_000) ?? past
    expect(past.length).toBeLessThanOrEqual(4)
  })
})

describe('when', () => {
  test.each([
    [1, 0, 25],
    [1, 0.5, 37.5],
    [2, 0, 50],
    [4, 0, 200],
    [7, 0, 1_600],
    [8, 0, 2_500],
    [1_000_000, 0, 2_500],
    [1_000_000, 0.999, 4_997.5],
  ])('restart %i in a row, chance %f: after %f ms', (attempt, random, expected) => {
    expect(backoffMs(attempt, 50, 5_000, random)).toBeCloseTo(expected, 6)
  })

  test('no backoff is no wait', () => expect(backoffMs(9, 0, 5_000, 0.5)).toBe(0))

  test.each([
    [0, 10, 1],
    [3, 5_000, 4],
    [3, 5_001, 1],
  ])('after %i restarts in a row and %i ms of life, the next one is number %i', (before, livedMs, expected) => {
    expect(nextAttempt(before, livedMs, 5_000)).toBe(expected)
  })
})
