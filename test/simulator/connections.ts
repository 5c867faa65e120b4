import type { DialOutcome, Input } from '../../discovery/core/input.ts'
import { otherEnd } from './actor.ts'
import type { Link, SimulatedActor } from './actor.ts'
import type { Network } from './network.ts'
import { between } from './rng.ts'
import type { Rng } from './rng.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Processor time that a handshake takes at either end, in milliseconds: connections to one actor are made in turn. */
const handshake = 2
/** Round trips from the first packet to an open discovery stream: TCP, noise, yamux and the protocol's negotiation. */
const roundTrips = 3
/** Pause before TCP sends a lost packet again, doubled each time. */
const retransmission = 1_000
/** How long a machine has to live behind a mended cut before the ends of its connections arrive. */
const newsOfEnd = 500

/** What connections need of their surroundings. */
export interface ConnectionEvents {
  /** Whoever has this peer id now, running or not. */
  latest(peerId: string): SimulatedActor | undefined
  give(actor: SimulatedActor, input: Input): void
  onLink(link: Link): void
  onUnlink(link: Link): void
}

/** Makes and breaks the connections that shells would. */
export class Connections {
  readonly #clock: VirtualClock
  readonly #rng: Rng
  readonly #network: Network
  readonly #events: ConnectionEvents
  /** Ends of connections that somebody behind a cut, or of a machine without power, has not heard of yet. */
  #unheard: { readonly dead: SimulatedActor; readonly survivor: SimulatedActor }[] = []

  constructor(clock: VirtualClock, rng: Rng, network: Network, events: ConnectionEvents) {
    this.#clock = clock
    this.#rng = rng
    this.#network = network
    this.#events = events
  }

  dial(actor: SimulatedActor, peerId: string, addrs: readonly string[], within: number): void {
    const end = (after: number, outcome: DialOutcome): void =>
      this.#clock.after(after, () => this.#events.give(actor, { type: 'dialled', peerId, outcome }))
    const target = this.#events.latest(peerId)
    if (target === undefined) {
      end(between(this.#rng, 1, 20), 'refused')
      return
    }
    if (actor.links.has(peerId)) {
      end(0, 'reached')
      return
    }
    if (!this.#network.open(actor.place, target.place)) {
      end(within, 'failed')
      return
    }
    const setup = this.#setupTime(actor, target)
    if (setup > within) {
      end(within, 'failed')
      return
    }
    this.#clock.after(setup, () => {
      const current = this.#events.latest(peerId)
      if (!actor.running || current === undefined) return
      if (!current.place.up || !this.#network.open(actor.place, current.place)) {
        end(Math.max(0, within - setup), 'failed')
      } else if (!current.running || !addrs.includes(current.address)) end(0, 'refused')
      else if (current.pausedUntil > this.#clock.now) {
        // the kernel answers for a stopped process, noise does not
        const waits = current.pausedUntil - this.#clock.now
        if (setup + waits > within) end(within - setup, 'failed')
        else this.#clock.after(waits, () => this.#connect(actor, current))
      } else this.#connect(actor, current)
    })
  }

  /** Closes the connection between two living actors; both ends notice some time. */
  break(link: Link): void {
    if (!link.up) return
    this.#close(link)
    for (const actor of [link.a, link.b]) this.#tell(actor, otherEnd(link, actor), between(this.#rng, 1, 2_000))
  }

  /** One end closes; the other one hears of it, unless it is cut off. */
  hangUp(actor: SimulatedActor, peerId: string): void {
    const link = actor.links.get(peerId)
    if (link === undefined) return
    const other = otherEnd(link, actor)
    this.#close(link)
    if (this.#network.open(actor.place, other.place))
      this.#tell(other, actor, link.distance + between(this.#rng, 1, 10))
    else this.#unheard.push({ dead: actor, survivor: other })
  }

  /**
   * Closes what an actor that ended had open. The operating system tells the others, unless they are cut off or the
   * machine is gone: `silently`.
   */
  closeAll(dead: SimulatedActor, silently: boolean): void {
    for (const link of dead.links.values()) {
      const survivor = otherEnd(link, dead)
      this.#close(link)
      if (silently || !this.#network.open(dead.place, survivor.place)) this.#unheard.push({ dead, survivor })
      else {
        // what a process has written is sent when it is gone, and the end of the connection after that
        const heardOfIt = link.distance + between(this.#rng, 1, this.#rng() < 0.8 ? 10 : 200)
        link.last = { from: dead, until: this.#clock.now + heardOfIt }
        this.#tell(survivor, dead, heardOfIt)
      }
    }
  }

  /** Something was mended, or a machine is back: whoever can hear of ends by now does. */
  spreadNews(): void {
    const waiting = this.#unheard
    this.#unheard = []
    for (const news of waiting) {
      const { dead, survivor } = news
      if (!survivor.running) continue
      if (dead.place.up && this.#network.open(dead.place, survivor.place)) {
        this.#tell(survivor, dead, between(this.#rng, 1, newsOfEnd))
      } else this.#unheard.push(news)
    }
  }

  #tell(actor: SimulatedActor, gone: SimulatedActor, after: number): void {
    this.#clock.after(after, () => this.#events.give(actor, { type: 'disconnected', peerId: gone.id }))
  }

  #connect(actor: SimulatedActor, target: SimulatedActor): void {
    if (!actor.running || !target.running) return
    const link = this.#network.link(actor, target)
    if (link !== undefined) {
      this.#events.give(target, { type: 'connected', peerId: actor.id })
      this.#events.give(actor, { type: 'connected', peerId: target.id })
      this.#events.onLink(link)
    }
    this.#events.give(actor, { type: 'dialled', peerId: target.id, outcome: 'reached' })
  }

  #close(link: Link): void {
    this.#network.unlink(link)
    this.#events.onUnlink(link)
  }

  #setupTime(actor: SimulatedActor, target: SimulatedActor): number {
    const { now } = this.#clock
    const weather = this.#network.weather(actor.place, target.place)
    const back = this.#network.weather(target.place, actor.place)
    let time = 2 * roundTrips * this.#network.distance(actor.place, target.place)
    for (let trip = 0; trip < roundTrips; trip++) {
      time += this.#network.jitter(actor.place, target.place)
      const lost = 1 - (1 - (weather?.loss ?? 0)) * (1 - (back?.loss ?? 0))
      for (let tries = 0; tries < 6 && this.#rng() < lost; tries++) time += retransmission * 2 ** tries
      time += this.#rng() * ((weather?.delay ?? 0) + (back?.delay ?? 0))
    }
    const { place } = target
    place.busyUntil = Math.max(place.busyUntil, now) + handshake
    return Math.max(time, place.busyUntil - now)
  }
}
