import { step } from './core/core.ts'
import type { Effect } from './core/effect.ts'
import type { Input, TimerName } from './core/input.ts'
import type { CoreState } from './core/state.ts'
import { ShellClock } from './shell-clock.ts'

type TimerEffect = Extract<Effect, { readonly type: 'setTimer' | 'clearTimer' }>

/** What a core asks for, beside its timers. */
export type OutwardEffect = Exclude<Effect, TimerEffect>

/** Lets a core live: gives it one input after another, at the time of its clock, and its timers when they are due. */
export class CoreLoop {
  readonly #state: CoreState
  readonly #perform: (effect: OutwardEffect) => void
  readonly #clock = new ShellClock()
  readonly #timers = new Map<TimerName, NodeJS.Timeout>()
  readonly #inputs: Input[] = []
  #started = false
  #busy = false
  #closed = false

  constructor(state: CoreState, perform: (effect: OutwardEffect) => void) {
    this.#state = state
    this.#perform = perform
  }

  get started(): boolean {
    return this.#started
  }

  /** The time of the core, in milliseconds. */
  now(): number {
    return this.#clock.now()
  }

  /** Others may connect as soon as an actor listens: what they say waits until the core has had its first input. */
  begin(input: Input): void {
    this.#started = true
    this.#inputs.unshift(input)
    this.#drain()
  }

  /** What an effect feeds back waits until the effects before it are carried out. */
  feed(input: Input): void {
    this.#inputs.push(input)
    if (this.#started && !this.#busy) this.#drain()
  }

  /** Nothing is given to the core any more. */
  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #drain(): void {
    this.#busy = true
    try {
      for (let input = this.#inputs.shift(); input !== undefined && !this.#closed; input = this.#inputs.shift())
        for (const effect of step(this.#state, this.now(), Math.random, input)) {
          if (effect.type === 'setTimer') this.#setTimer(effect.name, effect.at)
          else if (effect.type === 'clearTimer') clearTimeout(this.#timers.get(effect.name))
          else this.#perform(effect)
        }
    } finally {
      this.#busy = false
    }
  }

  #setTimer(name: TimerName, at: number): void {
    clearTimeout(this.#timers.get(name))
    const timer = setTimeout(() => this.feed({ type: 'timer', name }), Math.max(0, at - this.now()))
    this.#timers.set(name, timer)
  }
}
