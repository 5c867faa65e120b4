import { calm } from './network.ts'
import { between, pick, shuffled, wholeBetween } from './rng.ts'
import type { Simulation } from './simulation.ts'

/** One run: a mesh comes up, is disturbed, and is left in peace. */
export interface Plan {
  readonly seed: number
  /** Roots at the beginning, 3 to 12 when left out. */
  readonly roots?: number
  /** How long faults happen, in milliseconds. */
  readonly disturbed?: number
}

/** Which disturbances a seed gets; each may happen many times. */
type Fault = (simulation: Simulation) => void

/** Starts the actors of a seed within the first seconds. */
export function populate(simulation: Simulation, roots: number): void {
  const { clock, rng } = simulation
  for (let index = 0; index < roots; index++) {
    const id = `root${String(index).padStart(2, '0')}${Math.floor(rng() * 1e6).toString(36)}`
    // many at the same moment: the hardest start
    clock.after(rng() < 0.5 ? 0 : between(rng, 0, 3_000), () => {
      const root = simulation.startRoot(id)
      const children = wholeBetween(rng, 0, 3)
      for (let child = 0; child < children; child++) {
        clock.after(between(rng, 10, 2_000), () => {
          if (!root.running) return
          const actor = simulation.startChild(`${id}.${child}`, root)
          if (rng() < 0.3) clock.after(between(rng, 10, 500), () => growFrom(simulation, actor.id))
        })
      }
    })
  }
}

/** Disturbs the mesh from now until `end`. */
export function disturb(simulation: Simulation, end: number): void {
  const { clock, rng, network } = simulation
  const faults = shuffled(rng, allFaults).slice(0, wholeBetween(rng, 1, allFaults.length))
  const next = (): void => {
    if (clock.now >= end) return
    pick(rng, faults)?.(simulation)
    clock.after(between(rng, 50, 2_000), next)
  }
  clock.after(between(rng, 0, 2_000), next)
  clock.at(end, () => {
    network.weather = calm
    simulation.mend()
  })
}

const allFaults: readonly Fault[] = [
  badWeather,
  partition,
  oneWayCut,
  crashRoot,
  crashChild,
  crashArbiter,
  restartRoot,
  pauseSome,
  leaveMesh,
  newChild,
  newRoot,
  breakSomeLink,
  failingLookups,
]

function badWeather({ clock, rng, network }: Simulation): void {
  network.weather = {
    loss: rng() < 0.5 ? 0 : between(rng, 0, 0.5),
    duplication: between(rng, 0, 0.3),
    delay: between(rng, 5, 1_500),
  }
  clock.after(between(rng, 500, 5_000), () => (network.weather = calm))
}

/** Two sides that do not hear each other; some connections close, others only fall silent. */
function partition(simulation: Simulation): void {
  const { clock, rng, network } = simulation
  const places = shuffled(rng, new Set(simulation.roots().map(({ place }) => place)))
  const left = new Set(places.slice(0, wholeBetween(rng, 1, Math.max(1, places.length - 1))))
  for (const a of places) {
    for (const b of places) if (left.has(a) !== left.has(b)) network.cut(a, b)
  }
  const closing = rng()
  for (const actor of simulation.roots()) {
    for (const other of network.neighbours(actor.id)) {
      const peer = simulation.get(other)
      if (peer !== undefined && !network.open(actor.place, peer.place) && rng() < closing) {
        simulation.breakLink(actor, peer)
      }
    }
  }
  clock.after(between(rng, 200, 8_000), () => simulation.mend())
}

function oneWayCut(simulation: Simulation): void {
  const { clock, rng, network } = simulation
  const [from, to] = shuffled(rng, simulation.roots())
  if (from === undefined || to === undefined) return
  network.cut(from.place, to.place)
  clock.after(between(rng, 200, 5_000), () => simulation.mend())
}

function crashRoot(simulation: Simulation): void {
  const roots = simulation.roots()
  const victim = pick(simulation.rng, roots)
  if (victim !== undefined && roots.length > 2) simulation.crash(victim)
}

function crashArbiter(simulation: Simulation): void {
  const roots = simulation.roots()
  const victim = roots.find(({ core }) => core.election.reign !== undefined)
  if (victim !== undefined && roots.length > 2) simulation.crash(victim)
}

function crashChild(simulation: Simulation): void {
  const victim = pick(
    simulation.rng,
    simulation.running().filter(({ parent }) => parent !== undefined),
  )
  if (victim !== undefined) simulation.crash(victim)
}

/** The same peer id comes back with a later life, sooner or later than others notice that it was gone. */
function restartRoot(simulation: Simulation): void {
  const { clock, rng } = simulation
  const roots = simulation.roots()
  const victim = pick(rng, roots)
  if (victim === undefined || roots.length < 3) return
  simulation.crash(victim)
  clock.after(between(rng, 5, 3_000), () => {
    if (simulation.get(victim.id) === undefined) simulation.startRoot(victim.id)
  })
}

function pauseSome(simulation: Simulation): void {
  const { rng } = simulation
  const victims = shuffled(rng, simulation.running()).slice(0, wholeBetween(rng, 1, 3))
  for (const victim of victims) simulation.pause(victim, between(rng, 100, 6_000))
}

function leaveMesh(simulation: Simulation): void {
  const leaver = pick(simulation.rng, simulation.running())
  if (leaver === undefined || (leaver.parent === undefined && simulation.roots().length < 3)) return
  simulation.give(leaver, { type: 'leave' })
}

function newChild(simulation: Simulation): void {
  const parent = pick(simulation.rng, simulation.running())
  if (parent !== undefined && parent.id.split('.').length < 4) growFrom(simulation, parent.id)
}

function newRoot(simulation: Simulation): void {
  if (simulation.roots().length < 14) simulation.startRoot(`late${Math.floor(simulation.rng() * 1e9).toString(36)}`)
}

function breakSomeLink(simulation: Simulation): void {
  const actor = pick(simulation.rng, simulation.running())
  if (actor === undefined) return
  const peer = simulation.get(pick(simulation.rng, simulation.network.neighbours(actor.id)) ?? '')
  if (peer !== undefined) simulation.breakLink(actor, peer)
}

/** Programs look up others and cannot reach them: behind a cut this accuses the living. */
function failingLookups(simulation: Simulation): void {
  const { rng, network } = simulation
  for (const actor of simulation.running()) {
    const found = pick(rng, [...actor.core.registry.actors()])
    if (found === undefined || rng() < 0.5) continue
    const target = simulation.get(found.peerId)
    if (target !== undefined && network.open(actor.place, target.place)) continue
    simulation.give(actor, { type: 'lookupFailed', peerId: found.peerId })
  }
}

function growFrom(simulation: Simulation, parentId: string): void {
  const parent = simulation.get(parentId)
  if (parent === undefined || parent.core.leaving) return
  simulation.startChild(`${parent.id}.${Math.floor(simulation.rng() * 1e9).toString(36)}`, parent)
}
