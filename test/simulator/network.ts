import { between } from './rng.ts'
import type { Rng } from './rng.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** How badly the network behaves at the moment. */
export interface Weather {
  /** Share of messages that get lost, 0 to 1. */
  readonly loss: number
  /** Share of messages that arrive twice. */
  readonly duplication: number
  /** Longest delay of a message in milliseconds; a long one lets later messages overtake. */
  readonly delay: number
}

/** What a local network does on a good day. */
export const calm: Weather = { loss: 0, duplication: 0, delay: 2 }

/**
 * Connections between places, and what gets through them. It knows nothing of actors: whoever asks says who they are
 * and which place (a root's machine) they stand at.
 */
export class Network {
  weather: Weather = calm
  readonly #clock: VirtualClock
  readonly #rng: Rng
  readonly #links = new Map<string, Set<string>>()
  /** Pairs `from>to` of places between which nothing gets through. */
  readonly #cuts = new Set<string>()
  /** By ordered pair: when the last message arrives, so that calm streams stay in order. */
  readonly #lastArrival = new Map<string, number>()

  constructor(clock: VirtualClock, rng: Rng) {
    this.#clock = clock
    this.#rng = rng
  }

  /** Stops everything from one place to another. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
  }

  /** Takes all cuts away. */
  mend(): void {
    this.#cuts.clear()
  }

  /** Whether a connection can be made and held between two places: it needs both directions. */
  open(a: string, b: string): boolean {
    return !this.#cuts.has(`${a}>${b}`) && !this.#cuts.has(`${b}>${a}`)
  }

  linked(a: string, b: string): boolean {
    return this.#links.get(a)?.has(b) === true
  }

  neighbours(actor: string): string[] {
    return [...(this.#links.get(actor) ?? [])]
  }

  /** Connects two actors; false when they are connected already. */
  link(a: string, b: string): boolean {
    if (this.linked(a, b)) return false
    this.#set(a).add(b)
    this.#set(b).add(a)
    return true
  }

  /** Takes a connection away; false when there was none. */
  unlink(a: string, b: string): boolean {
    this.#links.get(b)?.delete(a)
    this.#lastArrival.delete(`${a}>${b}`)
    this.#lastArrival.delete(`${b}>${a}`)
    return this.#links.get(a)?.delete(b) === true
  }

  /** Carries a message from one actor to another, if the weather lets it through; `deliver` may run twice. */
  carry(from: Stand, to: Stand, deliver: () => void): void {
    if (this.#cuts.has(`${from.place}>${to.place}`)) return
    const { loss, duplication, delay } = this.weather
    if (this.#rng() < loss) return
    const copies = this.#rng() < duplication ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      let at = this.#clock.now + between(this.#rng, 0.1, delay)
      if (this.weather === calm) {
        const pair = `${from.id}>${to.id}`
        at = Math.max(at, this.#lastArrival.get(pair) ?? 0)
        this.#lastArrival.set(pair, at)
      }
      this.#clock.at(at, () => {
        if (this.linked(from.id, to.id)) deliver()
      })
    }
  }

  #set(actor: string): Set<string> {
    let links = this.#links.get(actor)
    if (links === undefined) {
      links = new Set()
      this.#links.set(actor, links)
    }
    return links
  }
}

/** An actor and the place it stands at. */
export interface Stand {
  readonly id: string
  readonly place: string
}
