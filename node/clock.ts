/** A timer of a clock that a test has put in the place of the real one. */
export interface ClockTimer {
  stop(): void
}

/** What sleeps, timeouts, deadlines and restarts go by. What waits for other machines goes by the real clock. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number
  /** Calls back once after some milliseconds, unless the timer is stopped before. */
  start(ms: number, due: () => void): ClockTimer
}

let clock: Clock | undefined

/** Milliseconds on the clock of this process: that of `performance.now()`, unless a test has put another in its place. */
export function now(): number {
  return clock === undefined ? performance.now() : clock.now()
}

export function startTimer(ms: number, due: () => void): NodeJS.Timeout | ClockTimer {
  return clock === undefined ? setTimeout(due, ms) : clock.start(ms, due)
}

export function stopTimer(timer: NodeJS.Timeout | ClockTimer | undefined): void {
  if (timer !== undefined && 'stop' in timer) timer.stop()
  else clearTimeout(timer)
}

/** Puts a clock in the place of the real one; gives the function that undoes it, or nothing when there is one already. */
export function useClock(other: Clock): (() => void) | undefined {
  if (clock !== undefined) return undefined
  clock = other
  return () => {
    clock = undefined
  }
}
