import { describe, expect, test } from 'vitest'
import { MIN_SLEEP_MS, ShellClock } from '../../discovery/shell-clock.ts'

/** A clock whose two sources the test moves; gives what it shows after that. */
function clockAt(steady = 0, wall = 1_700_000_000_000) {
  const times = { steady, wall }
  const clock = new ShellClock(
    () => times.steady,
    () => times.wall,
  )
  return (steadyPassed: number, wallPassed = steadyPassed): number => {
    times.steady += steadyPassed
    times.wall += wallPassed
    return clock.now()
  }
}

describe('the clock of a core', () => {
  test('runs with the steady clock of the process', () => {
    const pass = clockAt(500)
    expect([pass(0), pass(10), pass(2_000)]).toEqual([500, 510, 2_510])
  })

  test('goes on while the machine sleeps, though the steady clock does not', () => {
    const pass = clockAt()
    pass(10)
    expect(pass(5, 60_000)).toBe(60_010)
    expect(pass(10)).toBe(60_020)
  })

  test('never goes back, and does not stand still, when somebody sets the wall clock back', () => {
    const pass = clockAt()
    expect(pass(10, -3_600_000)).toBe(10)
    expect(pass(10)).toBe(20)
  })

  test('passes over corrections of the wall clock', () => {
    const pass = clockAt()
    for (let times = 0; times < 100; times++) pass(100, 100 + MIN_SLEEP_MS - 1)
    expect(pass(0)).toBe(10_000)
  })
})
