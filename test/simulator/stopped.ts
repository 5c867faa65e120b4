import type { SimulatedActor } from './actor.ts'
import type { Rng } from './rng.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Processes that are stopped, as by SIGSTOP: their connections stay, and everything that happens to them waits. */
export class Stopped {
  readonly #clock: VirtualClock
  readonly #rng: Rng
  readonly #onGoesOn: () => void
  readonly #actors = new Set<SimulatedActor>()

  constructor(clock: VirtualClock, rng: Rng, onGoesOn: () => void) {
    this.#clock = clock
    this.#rng = rng
    this.#onGoesOn = onGoesOn
  }

  get size(): number {
    return this.#actors.size
  }

  stop(actor: SimulatedActor, ms: number): void {
    actor.pausedUntil = Math.max(actor.pausedUntil, this.#clock.now + ms)
    if (this.#actors.has(actor)) return
    this.#actors.add(actor)
    this.#goOnAt(actor)
  }

  goOn(actor: SimulatedActor): void {
    actor.pausedUntil = this.#clock.now
    if (this.#actors.has(actor)) this.#goOn(actor)
  }

  onEnd(actor: SimulatedActor): void {
    actor.held.length = 0
    if (this.#actors.delete(actor)) this.#onGoesOn()
  }

  /** Runs something when the actor's process runs, if it still does. */
  whenAwake(actor: SimulatedActor, timer: boolean, run: () => void): void {
    if (!actor.running) return
    if (actor.pausedUntil > this.#clock.now) actor.held.push({ timer, run })
    else run()
  }

  #goOnAt(actor: SimulatedActor): void {
    this.#clock.at(actor.pausedUntil, () => {
      if (!this.#actors.has(actor)) return
      if (actor.pausedUntil > this.#clock.now) this.#goOnAt(actor)
      else this.#goOn(actor)
    })
  }

  /** Where a process was stopped decides whether it sees to its timers or to its sockets first. */
  #goOn(actor: SimulatedActor): void {
    this.#actors.delete(actor)
    this.#onGoesOn()
    const held = actor.held.splice(0)
    const first = this.#rng() < 0.5
    for (const { run } of held.filter(({ timer }) => timer === first)) this.whenAwake(actor, first, run)
    for (const { run } of held.filter(({ timer }) => timer !== first)) this.whenAwake(actor, !first, run)
  }
}
