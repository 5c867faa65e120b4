/** How far the wall clock has to run ahead in one go to count as a sleep of the machine, in milliseconds. */
export const MIN_SLEEP_MS = 1_000

/**
 * The clock that a core lives by: milliseconds that never go back and go on while the machine sleeps.
 *
 * A process that is stopped sees time pass on `performance.now()`, but a machine that sleeps, or a virtual one that is
 * paused, stops that clock with it; an arbiter would wake up in office. The wall clock tells: when it has run ahead, that
 * much has passed. Setting the wall clock forward looks the same, and costs an election at worst.
 */
export class ShellClock {
  readonly #steady: () => number
  readonly #wall: () => number
  #ahead: number
  #slept = 0

  constructor(steady = (): number => performance.now(), wall = (): number => Date.now()) {
    this.#steady = steady
    this.#wall = wall
    this.#ahead = wall() - steady()
  }

  now(): number {
    const steady = this.#steady()
    const ahead = this.#wall() - steady
    const jump = ahead - this.#ahead
    if (jump >= MIN_SLEEP_MS) this.#slept += jump
    // slow differences are corrections of the wall clock
    this.#ahead = ahead
    return steady + this.#slept
  }
}
