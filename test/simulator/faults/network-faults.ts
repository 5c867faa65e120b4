import type { Place } from '../actor.ts'
import { cut } from '../network.ts'
import type { Disturbance, Weather } from '../network.ts'
import { between, pick, shuffled, wholeBetween } from '../rng.ts'
import type { Rng } from '../rng.ts'
import type { Simulation } from '../simulation.ts'
import type { Fault } from './fault.ts'

/** Everything is lossy, late, twice and out of order. */
export const weather: Fault = (simulation, rng) => {
  const storm: Weather = {
    loss: rng() < 0.5 ? 0 : between(rng, 0, 0.8),
    duplication: between(rng, 0, 0.3),
    delay: rng() < 0.8 ? between(rng, 5, 1_500) : between(rng, 1_500, 5_000),
  }
  return disturb(simulation, { weather: () => storm })
}

/** A few machines lose four packets of five, in both directions or in one. */
export const lossyPlaces: Fault = (simulation, rng) => {
  const places = placesOf(simulation)
  const bad = new Set(shuffled(rng, places).slice(0, wholeBetween(rng, 1, Math.max(1, places.length / 4))))
  const loss = { loss: between(rng, 0.5, 0.8), duplication: 0, delay: 0 }
  const way = pick(rng, ['in', 'out', 'both'])
  return disturb(simulation, {
    weather: (from, to) => ((way !== 'out' && bad.has(to)) || (way !== 'in' && bad.has(from)) ? loss : undefined),
  })
}

/** What comes to one machine, or goes from it, is late; the arbiter's more often than others'. */
export const slowPlace: Fault = (simulation, rng) => {
  const place = (rng() < 0.6 ? arbiterPlace(simulation) : undefined) ?? pick(rng, placesOf(simulation))
  const late = { loss: 0, duplication: 0, delay: between(rng, 200, 4_000) }
  const inbound = rng() < 0.7
  return disturb(simulation, { weather: (from, to) => ((inbound ? to : from) === place ? late : undefined) })
}

/** Nobody hears the arbiter, who hears everybody. */
export const muteArbiter: Fault = (simulation) => {
  const place = arbiterPlace(simulation)
  return disturb(simulation, { weather: (from) => (from === place ? cut : undefined) })
}

/** Two sides that do not hear each other; some connections close, others only fall silent. */
export const partition: Fault = (simulation, rng) => {
  const left = someOf(placesOf(simulation), rng)
  const mend = disturb(simulation, { weather: (from, to) => (left.has(from) === left.has(to) ? undefined : cut) })
  closeSome(simulation, rng, rng())
  return mend
}

/** One machine hears nobody, and mostly nobody hears it either. */
export const isolation: Fault = (simulation, rng) => {
  const place = pick(rng, placesOf(simulation))
  const deaf = rng() < 0.3
  const mend = disturb(simulation, {
    weather: (from, to) => (from !== to && (to === place || (from === place && !deaf)) ? cut : undefined),
  })
  closeSome(simulation, rng, rng() / 2)
  return mend
}

/** One side does not hear the other, which hears it. */
export const oneWay: Fault = (simulation, rng) => {
  const left = someOf(placesOf(simulation), rng)
  return disturb(simulation, { weather: (from, to) => (left.has(from) && !left.has(to) ? cut : undefined) })
}

/** One machine does not hear one other. */
export const oneWayLink: Fault = (simulation, rng) => {
  const [a, b] = shuffled(rng, placesOf(simulation))
  return disturb(simulation, { weather: (from, to) => (from === a && to === b ? cut : undefined) })
}

/** Each machine hears only the two beside it. */
export const ring: Fault = (simulation, rng) => {
  const places = shuffled(rng, placesOf(simulation))
  const seats = new Map(places.map((place, seat) => [place, seat]))
  const mend = disturb(simulation, {
    weather: (from, to) => {
      const [a, b] = [seats.get(from), seats.get(to)]
      if (a === undefined || b === undefined) return undefined
      const apart = Math.abs(a - b)
      return Math.min(apart, places.length - apart) <= 1 ? undefined : cut
    },
  })
  closeSome(simulation, rng, rng())
  return mend
}

/** Two sides meet and part again and again, in both directions or in one. */
export const flapping: Fault = (simulation, rng) => {
  const left = someOf(placesOf(simulation), rng)
  const period = between(rng, 200, 3_000)
  const both = rng() < 0.5
  const began = simulation.now
  const isCut = (): boolean => Math.floor((simulation.now - began) / period) % 2 === 0
  const mend = disturb(simulation, {
    weather: (from, to) => (left.has(from) !== left.has(to) && (both || left.has(from)) && isCut() ? cut : undefined),
  })
  closeSome(simulation, rng, rng() / 2)
  return mend
}

/** One machine, and only it, hears both of two sides. */
export const bridge: Fault = (simulation, rng) => {
  const places = shuffled(rng, placesOf(simulation))
  const middle = places[0]
  const left = new Set(places.slice(1, 1 + Math.floor(places.length / 2)))
  const mend = disturb(simulation, {
    weather: (from, to) => (from === middle || to === middle || left.has(from) === left.has(to) ? undefined : cut),
  })
  closeSome(simulation, rng, rng())
  return mend
}

/** Connections break that both ends wanted to keep. */
export const brokenLinks: Fault = (simulation, rng) => {
  for (let times = wholeBetween(rng, 1, 4); times > 0; times--) {
    const actor = pick(rng, simulation.running())
    const link = pick(rng, [...(actor?.links.values() ?? [])])
    if (link !== undefined) simulation.breakLink(link)
  }
  return undefined
}

/** Adds a disturbance; gives what takes it away. */
function disturb(simulation: Simulation, disturbance: Disturbance): () => void {
  simulation.network.disturb(disturbance)
  return () => {
    simulation.network.mend(disturbance)
    simulation.spreadNews()
  }
}

/** Closes a share of the connections that a cut has silenced. */
function closeSome(simulation: Simulation, rng: Rng, share: number): void {
  for (const actor of simulation.running()) {
    for (const link of actor.links.values()) {
      if (link.a !== actor || simulation.network.open(link.a.place, link.b.place)) continue
      if (rng() < share) simulation.breakLink(link)
    }
  }
}

/** The machines of all running roots. */
function placesOf(simulation: Simulation): Place[] {
  return [...new Set(simulation.roots().map(({ place }) => place))]
}

function arbiterPlace(simulation: Simulation): Place | undefined {
  return simulation.roots().find(({ core }) => core.election.reign !== undefined)?.place
}

function someOf(places: readonly Place[], rng: Rng): Set<Place> {
  return new Set(shuffled(rng, places).slice(0, wholeBetween(rng, 1, Math.max(1, places.length - 1))))
}
