import type { Facts } from '../../discovery/core/messages.ts'
import { otherEnd } from './actor.ts'
import type { Link, SimulatedActor } from './actor.ts'
import type { Network } from './network.ts'
import { shuffled } from './rng.ts'
import type { Rng } from './rng.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** The numbers of gossipsub, as `@libp2p/gossipsub` has them by default. */
const meshDegree = 6
const meshLow = 4
const meshHigh = 12
const heartbeat = 1_000
/** How long a message with the same bytes counts as seen. */
const seenTtl = 120_000

/** One message by gossip, and who has it. */
interface Flight {
  readonly message: Facts
  readonly key: string
  readonly at: number
  readonly seen: Set<number>
}

/** What the overlay needs of its surroundings. */
export interface OverlayEvents {
  /** The bytes of a message as a text: what gossipsub makes its id of. */
  keyOf(message: Facts): string
  onSent(from: SimulatedActor, message: Facts): void
  /** A message that the actor had not seen; on its process's time. */
  onMessage(to: SimulatedActor, from: SimulatedActor, message: Facts): void
  /** Runs something when the actor's process runs. */
  whenAwake(actor: SimulatedActor, run: () => void): void
}

/**
 * Gossipsub with what matters here: a publish goes to every subscribed neighbour, who passes it on to its mesh (some six
 * of its neighbours, mended at each heartbeat) unless it has seen the same bytes within two minutes. Left out is its
 * lazy repair by `IHAVE`, so that what a mesh loses stays lost until anti-entropy finds it.
 */
export class Overlay {
  readonly #clock: VirtualClock
  readonly #rng: Rng
  readonly #network: Network
  readonly #events: OverlayEvents
  readonly #flights = new Map<string, Flight>()
  readonly #mending = new Set<SimulatedActor>()

  constructor(clock: VirtualClock, rng: Rng, network: Network, events: OverlayEvents) {
    this.#clock = clock
    this.#rng = rng
    this.#network = network
    this.#events = events
  }

  publish(actor: SimulatedActor, message: Facts): void {
    const now = this.#clock.now
    for (const [key, { at }] of this.#flights) {
      if (now - at < seenTtl) break
      this.#flights.delete(key)
    }
    const key = this.#events.keyOf(message)
    const flight = this.#flights.get(key) ?? { message, key, at: now, seen: new Set() }
    this.#flights.set(key, flight)
    flight.seen.add(actor.index)
    for (const link of actor.links.values()) if (link.subscribed) this.#pass(flight, link, actor)
  }

  /** Two neighbours know by now that both hear gossip. */
  onSubscribed(link: Link): void {
    link.subscribed = true
    this.#mend(link.a)
    this.#mend(link.b)
  }

  onClosed(link: Link): void {
    if (!link.meshed) return
    this.#mend(link.a)
    this.#mend(link.b)
  }

  #pass(flight: Flight, link: Link, from: SimulatedActor): void {
    const to = otherEnd(link, from)
    this.#events.onSent(from, flight.message)
    // what arrives a second time has no effect: it is not worth an event
    if (flight.seen.has(to.index)) return
    this.#network.carry(link, from, () => {
      this.#events.whenAwake(to, () => {
        if (flight.seen.has(to.index)) return
        flight.seen.add(to.index)
        for (const next of to.links.values()) if (next.meshed && next !== link) this.#pass(flight, next, to)
        this.#events.onMessage(to, from, flight.message)
      })
    })
  }

  /** Brings an actor's mesh back to its degree at its next heartbeat; each has a phase of its own. */
  #mend(actor: SimulatedActor): void {
    if (this.#mending.has(actor) || !actor.running) return
    this.#mending.add(actor)
    const phase = (actor.index * 379) % heartbeat
    const { now } = this.#clock
    this.#clock.at(now + heartbeat - ((((now - phase) % heartbeat) + heartbeat) % heartbeat), () => {
      this.#mending.delete(actor)
      if (actor.running) this.#beat(actor)
    })
  }

  #beat(actor: SimulatedActor): void {
    const meshed: Link[] = []
    const others: Link[] = []
    for (const link of actor.links.values()) {
      if (link.meshed) meshed.push(link)
      else if (link.subscribed) others.push(link)
    }
    if (meshed.length < meshLow) {
      let missing = meshDegree - meshed.length
      for (const link of shuffled(this.#rng, others)) {
        if (missing === 0) break
        if (degreeOf(otherEnd(link, actor)) >= meshHigh) continue
        link.meshed = true
        missing--
      }
    } else if (meshed.length > meshHigh) {
      for (const link of shuffled(this.#rng, meshed).slice(meshDegree)) {
        link.meshed = false
        this.#mend(otherEnd(link, actor))
      }
    }
  }
}

function degreeOf(actor: SimulatedActor): number {
  let degree = 0
  for (const { meshed } of actor.links.values()) if (meshed) degree++
  return degree
}
