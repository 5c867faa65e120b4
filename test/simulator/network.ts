import type { Link, Place, SimulatedActor } from './actor.ts'
import { between } from './rng.ts'
import type { Rng } from './rng.ts'
import { hashText } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What lies between the machines. */
export type NetworkClass = 'loopback' | 'lan' | 'wan'

/** Milliseconds that a message takes one way: each pair of places has its own distance, each message its own luck. */
const distances: Readonly<Record<NetworkClass, { near: number; far: number; jitter: number }>> = {
  loopback: { near: 0.05, far: 0.1, jitter: 1.9 },
  lan: { near: 0.1, far: 1, jitter: 1 },
  wan: { near: 10, far: 120, jitter: 25 },
}

/** How badly one way between two places behaves. */
export interface Weather {
  /** Share of messages that get lost, 0 to 1; 1 is a cut, through which no connection can be made either. */
  readonly loss: number
  /** Share of messages that arrive twice. */
  readonly duplication: number
  /** Longest further delay of a message in milliseconds; a long one lets later messages overtake. */
  readonly delay: number
}

/** Something that is wrong with the network for a while. */
export interface Disturbance {
  /** What becomes of messages from one place to another; undefined when this does not concern them. */
  weather(from: Place, to: Place): Weather | undefined
}

/** No message gets through. */
export const cut: Weather = { loss: 1, duplication: 0, delay: 0 }

/** Connections between actors, and what gets through them. */
export class Network {
  readonly #clock: VirtualClock
  readonly #rng: Rng
  readonly #class: NetworkClass
  readonly #salt: number
  readonly #disturbances = new Set<Disturbance>()
  /** When something was last taken away. */
  mendedAt = 0

  constructor(clock: VirtualClock, rng: Rng, kind: NetworkClass, salt: number) {
    this.#clock = clock
    this.#rng = rng
    this.#class = kind
    this.#salt = salt
  }

  get calm(): boolean {
    return this.#disturbances.size === 0
  }

  /** What a message takes one way at most in calm weather. */
  get farthest(): number {
    const { far, jitter } = distances[this.#class]
    return far + jitter
  }

  disturb(disturbance: Disturbance): void {
    this.#disturbances.add(disturbance)
  }

  /** Takes a disturbance away, or all of them. */
  mend(disturbance?: Disturbance): void {
    this.mendedAt = this.#clock.now
    if (disturbance === undefined) this.#disturbances.clear()
    else this.#disturbances.delete(disturbance)
  }

  /** What all disturbances together do; undefined when nothing does. */
  weather(from: Place, to: Place): Weather | undefined {
    let sum: Weather | undefined
    if (from === to) return sum
    for (const disturbance of this.#disturbances) {
      const more = disturbance.weather(from, to)
      if (more === undefined) continue
      if (more.loss >= 1) return cut
      sum =
        sum === undefined
          ? more
          : {
              loss: 1 - (1 - sum.loss) * (1 - more.loss),
              duplication: Math.max(sum.duplication, more.duplication),
              delay: sum.delay + more.delay,
            }
    }
    return sum
  }

  /** Whether a connection can be made and held between two places: it needs both directions. */
  open(a: Place, b: Place): boolean {
    if (this.calm) return true
    return (this.weather(a, b)?.loss ?? 0) < 1 && (this.weather(b, a)?.loss ?? 0) < 1
  }

  /** What a message between two places takes at least, the same both ways and every time. */
  distance(a: Place, b: Place): number {
    const { near, far } = a === b ? distances.loopback : distances[this.#class]
    const pair = a.name < b.name ? `${a.name} ${b.name}` : `${b.name} ${a.name}`
    return near + (((hashText(pair) ^ this.#salt) >>> 0) % 1_000) * ((far - near) / 1_000)
  }

  /** Milliseconds of luck on top of the distance. */
  jitter(a: Place, b: Place): number {
    return this.#rng() * (a === b ? distances.loopback : distances[this.#class]).jitter
  }

  /** Connects two actors; undefined when they are connected already. */
  link(a: SimulatedActor, b: SimulatedActor): Link | undefined {
    if (a.links.get(b.id)?.b === b || a.links.get(b.id)?.a === b) return undefined
    const distance = this.distance(a.place, b.place)
    const link: Link = {
      a,
      b,
      distance,
      up: true,
      last: undefined,
      subscribed: false,
      meshed: false,
      arrivalAtA: 0,
      arrivalAtB: 0,
    }
    a.links.set(b.id, link)
    b.links.set(a.id, link)
    return link
  }

  /** Takes a connection away. */
  unlink(link: Link): void {
    link.up = false
    if (link.a.links.get(link.b.id) === link) link.a.links.delete(link.b.id)
    if (link.b.links.get(link.a.id) === link) link.b.links.delete(link.a.id)
  }

  /** Carries a message from one end to the other, if the weather lets it through; `deliver` may run twice. */
  carry(link: Link, from: SimulatedActor, deliver: () => void): void {
    const to = from === link.a ? link.b : link.a
    const weather = this.calm ? undefined : this.weather(from.place, to.place)
    if (weather !== undefined && (weather.loss >= 1 || this.#rng() < weather.loss)) return
    const now = this.#clock.now
    const copies = weather !== undefined && this.#rng() < weather.duplication ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      let at = now + link.distance + this.jitter(from.place, to.place)
      if (weather !== undefined && weather.delay > 0) at += between(this.#rng, 0, weather.delay)
      else if (from === link.a) at = link.arrivalAtB = Math.max(at, link.arrivalAtB)
      else at = link.arrivalAtA = Math.max(at, link.arrivalAtA)
      this.#clock.at(at, () => {
        if (link.up || (link.last?.from === from && this.#clock.now <= link.last.until)) deliver()
      })
    }
  }
}
