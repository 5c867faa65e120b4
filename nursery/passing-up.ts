import type { Observed, Wish } from './observed.ts'
import { ObservedQueue } from './observed-queue.ts'
import type { Observation } from './observation.ts'

/** Milliseconds for which lines that an actor passes up are collected; events leave at once. */
export const PASS_UP_MS = 50

/** Milliseconds after which a batch that was not taken is held for lost: the next one follows then. */
export const UNTAKEN_MS = 5_000

/**
 * What an actor passes up to its parent, as far as somebody above wants to hear: one batch at a time, the next one when the
 * parent has taken it, so that a parent that is stopped has one batch to read, and the rest is bounded here.
 */
export class PassingUp {
  readonly #observation: Observation
  readonly #send: (items: Observed[]) => void
  readonly #queue = new ObservedQueue()
  /** Until the last batch is taken. */
  #untaken: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(observation: Observation, send: (items: Observed[]) => void) {
    this.#observation = observation
    this.#send = send
  }

  /** The parent says what it wants from now on. */
  wish(wish: Wish): void {
    this.#observation.passUp(wish, (item) => {
      this.#queue.push(item)
      // an actor may be killed before a batch is full, and its last events are the ones that matter
      if ('event' in item) this.#flush()
      else this.#timer ??= setTimeout(() => this.#flush(), PASS_UP_MS).unref()
    })
  }

  /** The parent has taken the last batch. */
  taken(): void {
    clearTimeout(this.#untaken)
    this.#untaken = undefined
    if (!this.#queue.isEmpty) this.#timer ??= setTimeout(() => this.#flush(), PASS_UP_MS).unref()
  }

  /** Sends what there is at once: the actor is about to end, or is asked what was before. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (!this.#queue.isEmpty) this.#send(this.#queue.take())
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#untaken !== undefined || this.#queue.isEmpty) return
    this.#untaken = setTimeout(() => this.taken(), UNTAKEN_MS).unref()
    this.#send(this.#queue.take())
  }
}
