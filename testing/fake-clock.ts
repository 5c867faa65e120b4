import { type Clock, type ClockTimer, useClock } from '../node/clock.ts'
import { InvalidArgument, LimitExceeded } from '../node/errors.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'

/** Timers that may fire within one {@link FakeClock.advance}: what sleeps for no time, again and again, ends there. */
export const MAX_FIRINGS = 100_000
/** Turns of the event loop without a new timer, or one less, after which everything that was woken waits again. */
const QUIET_TURNS = 25
/** Turns after which that is not waited for any longer. */
const MAX_TURNS = 10_000

/** Time that passes when a test says so. Disposing gives the time back: what still waits then goes on by the real clock. */
export interface FakeClock extends Disposable {
  /** Milliseconds that have passed since the clock was made. */
  now(): number
  /** Sleeps, timeouts and backoffs that wait. */
  readonly pending: number
  /**
   * Lets time pass: whatever is due fires in its order, at its time, and what that wakes runs until it waits again, calls between
   * actors of this process included.
   *
   * @param ms milliseconds, 0 to 2^31-1
   * @throws LimitExceeded when more than 100,000 timers fire: something sleeps for no time in a loop
   */
  advance(ms: number): Promise<void>
}

/**
 * Makes time stand still for `sleep`, `failAfter`, `moveOnAfter`, `shield`, the timeouts of calls, and the backoffs and windows of
 * supervisors, in this process. Connections, elections and the watch over other actors go by the real clock: nobody is
 * taken for dead because an hour passes in a test. `Date` and other timers are not touched: fake them with your test runner.
 *
 * After Trio's `MockClock`.
 *
 * @throws InvalidArgument when there is a fake clock already
 * @example
 * ```ts
 * using clock = fakeClock()
 * const slow = moveOnAfter(60_000, () => sleep(3_600_000))
 * await clock.advance(60_000)
 * console.log((await slow).cancelled) // true, at once
 * ```
 */
export function fakeClock(): FakeClock {
  const clock = new StandingClock()
  const undo = useClock(clock)
  if (undo === undefined) throw new InvalidArgument('there is a fake clock already: dispose of that one first')
  return {
    now: () => clock.now(),
    get pending() {
      return clock.timers.size
    },
    advance: async (ms) => {
      if (!(typeof ms === 'number' && ms >= 0 && ms <= MAX_TIMEOUT_MS))
        throw new InvalidArgument(`a clock advances by 0 to ${MAX_TIMEOUT_MS} milliseconds, got ${String(ms)}`)
      await clock.advance(ms)
    },
    [Symbol.dispose]: () => {
      undo()
      for (const timer of clock.timers) timer.goOn(clock.now())
      clock.timers.clear()
    },
  }
}

class StandingClock implements Clock {
  readonly timers = new Set<FakeTimer>()
  #now = 0
  /** Changes whenever something begins, or ceases, to wait. */
  #changes = 0

  now(): number {
    return this.#now
  }

  start(ms: number, due: () => void): ClockTimer {
    this.#changes++
    const timer = new FakeTimer(this.#now + ms, due, () => {
      if (this.timers.delete(timer)) this.#changes++
    })
    this.timers.add(timer)
    return timer
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.#untilQuiet()
    let fired = 0
    for (let next = this.#nextBy(end); next !== undefined; next = this.#nextBy(end)) {
      if (++fired > MAX_FIRINGS)
        throw new LimitExceeded(
          'MAX_FIRINGS',
          `more than ${MAX_FIRINGS} timers were due within ${ms} ms of the fake clock`,
        )
      this.#now = next.at
      next.fire()
      await this.#untilQuiet()
    }
    this.#now = end
  }

  #nextBy(end: number): FakeTimer | undefined {
    let next: FakeTimer | undefined
    for (const timer of this.timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer
    return next
  }

  async #untilQuiet(): Promise<void> {
    let quiet = 0
    for (let turns = 0; quiet < QUIET_TURNS && turns < MAX_TURNS; turns++) {
      const before = this.#changes
      await new Promise<void>((resolve) => void realImmediate(resolve))
      quiet = this.#changes === before ? quiet + 1 : 0
    }
  }
}

// a test runner may put another in its place
const realImmediate = setImmediate

class FakeTimer implements ClockTimer {
  readonly at: number
  readonly #due: () => void
  readonly #forget: () => void
  #real: NodeJS.Timeout | undefined

  constructor(at: number, due: () => void, forget: () => void) {
    this.at = at
    this.#due = due
    this.#forget = forget
  }

  fire(): void {
    this.#forget()
    this.#due()
  }

  /** By the real clock, from this time of the fake one on. */
  goOn(now: number): void {
    this.#real = setTimeout(this.#due, this.at - now)
  }

  stop(): void {
    clearTimeout(this.#real)
    this.#forget()
  }
}
