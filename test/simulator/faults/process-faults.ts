import type { SimulatedActor } from '../actor.ts'
import { between, pick, shuffled, wholeBetween } from '../rng.ts'
import type { Rng } from '../rng.ts'
import type { Simulation } from '../simulation.ts'
import type { Fault } from './fault.ts'

/** Roots of a run at most, late ones included. */
const mostRoots = 24

export const crashRoot: Fault = (simulation, rng) => {
  const victim = dispensable(simulation, rng)
  if (victim !== undefined) simulation.crash(victim)
  return undefined
}

/** A machine loses power: no connection closes, and who dials it gets no answer at all. */
export const powerLoss: Fault = (simulation, rng) => {
  const victim = dispensable(simulation, rng)
  if (victim === undefined) return undefined
  simulation.crash(victim, true)
  // some come back, which ends the silence of their old connections
  if (rng() < 0.3) restartLater(simulation, victim, between(rng, 1_000, 8_000))
  return undefined
}

export const crashArbiter: Fault = (simulation) => {
  const roots = simulation.roots()
  const victim = roots.find(({ core }) => core.election.reign !== undefined)
  if (victim !== undefined && roots.length > 2) simulation.crash(victim)
  return undefined
}

export const crashChild: Fault = (simulation, rng) => {
  const victim = pick(
    rng,
    simulation.running().filter(({ parent }) => parent !== undefined),
  )
  if (victim !== undefined) simulation.crash(victim)
  return undefined
}

/** The same peer id comes back with a later life, sooner or later than others notice that it was gone. */
export const restart: Fault = (simulation, rng) => {
  const victim = dispensable(simulation, rng)
  if (victim === undefined) return undefined
  simulation.crash(victim)
  restartLater(simulation, victim, between(rng, 5, 3_000))
  return undefined
}

/** Another program takes the place of one that crashed. */
export const replace: Fault = (simulation, rng) => {
  const victim = dispensable(simulation, rng)
  if (victim === undefined) return undefined
  simulation.crash(victim)
  const id = newId(rng, 'other')
  // the same name with another identity: an elector whose key was lost, but not its votes
  const name = rng() < 0.5 || hasOnlyASize(simulation) ? victim.name : undefined
  simulation.clock.after(between(rng, 5, 2_000), () => {
    if (name !== undefined && simulation.roots().some((root) => root.name === name)) return
    simulation.startRoot(id, { place: victim.place, name })
  })
  return undefined
}

/**
 * An elector comes back without its disk. Only while all the others run and know their electorate: that is what the
 * promise of one vote a term is made for.
 */
export const diskLost: Fault = (simulation, rng) => {
  const electors = simulation.roots().filter(({ core }) => core.elector?.settled === true)
  const size = simulation.quorum?.size ?? 0
  const victim = pick(rng, electors)
  if (victim === undefined || electors.length < Math.max(3, size)) return undefined
  simulation.crash(victim)
  simulation.disks.wipe(victim.name)
  restartLater(simulation, victim, between(rng, 5, 3_000))
  return undefined
}

/** A disk is full for a while: nothing can be kept. */
export const fullDisk: Fault = (simulation, rng) => {
  const victim = pick(rng, simulation.roots())
  return victim === undefined ? undefined : simulation.disks.fill(victim.name)
}

/** Many at once, as after a deployment: with the same ids or with new ones. */
export const massRestart: Fault = (simulation, rng) => {
  const roots = simulation.roots()
  const victims = shuffled(rng, roots).slice(0, wholeBetween(rng, Math.ceil(roots.length / 2), roots.length))
  const same = rng() < 0.5 || hasOnlyASize(simulation)
  for (const victim of victims) {
    simulation.crash(victim)
    const after = between(rng, 1, 1_500)
    if (same) restartLater(simulation, victim, after)
    else {
      const id = newId(rng, 'again')
      simulation.clock.after(after, () => simulation.startRoot(id, { place: victim.place }))
    }
  }
  return undefined
}

/** Processes are stopped and go on, one or some. */
export const pauses: Fault = (simulation, rng, lasts) =>
  pauseAll(simulation, shuffled(rng, simulation.running()).slice(0, wholeBetween(rng, 1, 3)), rng, lasts)

/** Many are stopped at once, as when a host runs out of memory or a virtual machine is moved. */
export const manyPauses: Fault = (simulation, rng, lasts) => {
  const running = simulation.running()
  const victims = shuffled(rng, running).slice(0, wholeBetween(rng, Math.ceil(running.length / 3), running.length))
  return pauseAll(simulation, victims, rng, lasts)
}

/** The arbiter is stopped for longer than its lease. */
export const pausedArbiter: Fault = (simulation, rng, lasts) => {
  const victims = simulation.roots().filter(({ core }) => core.election.reign !== undefined)
  return pauseAll(simulation, victims, rng, lasts)
}

export const leave: Fault = (simulation, rng) => {
  const leaver = pick(rng, simulation.running())
  if (leaver === undefined || (leaver.parent === undefined && simulation.roots().length < 3)) return undefined
  simulation.give(leaver, { type: 'leave' })
  return undefined
}

/** The arbiter goes by its own will. */
export const arbiterLeaves: Fault = (simulation) => {
  const roots = simulation.roots()
  const leaver = roots.find(({ core }) => core.election.reign !== undefined)
  if (leaver !== undefined && roots.length > 2) simulation.give(leaver, { type: 'leave' })
  return undefined
}

export const newChild: Fault = (simulation, rng) => {
  const parent = pick(rng, simulation.running())
  if (parent === undefined || parent.core.leaving || parent.id.split('.').length > 3) return undefined
  simulation.startChild(`${parent.id}.${newId(rng, '')}`, parent)
  return undefined
}

/** A child that ends when its parent has hardly heard of it. */
export const briefChild: Fault = (simulation, rng) => {
  const parent = pick(rng, simulation.running())
  if (parent === undefined || parent.core.leaving || parent.id.split('.').length > 3) return undefined
  const child = simulation.startChild(`${parent.id}.${newId(rng, '')}`, parent)
  simulation.clock.after(between(rng, 3, 40), () => simulation.crash(child))
  return undefined
}

export const newRoot: Fault = (simulation, rng) => {
  if (simulation.roots().length < mostRoots) simulation.startRoot(newId(rng, 'late'))
  return undefined
}

/** Many join at the same moment. */
export const joinStorm: Fault = (simulation, rng) => {
  for (let joiners = wholeBetween(rng, 3, 10); joiners > 0; joiners--) newRoot(simulation, rng, 0)
  return undefined
}

/** A root is told only of ones that are gone, and of one that lives. */
export const seedsLost: Fault = (simulation, rng) => {
  const living = pick(rng, simulation.roots())
  if (living === undefined || simulation.roots().length >= mostRoots) return undefined
  const peers = [...shuffled(rng, simulation.endedRoots()).slice(0, 3), living].map(({ id, address }) => ({
    peerId: id,
    addrs: [address],
    eager: true,
  }))
  simulation.startRoot(newId(rng, 'seeded'), { peers })
  return undefined
}

/** Content of records changes. */
export const edits: Fault = (simulation, rng) => {
  for (const actor of shuffled(rng, simulation.running()).slice(0, 3)) {
    actor.edits++
    simulation.give(actor, { type: 'changed' })
  }
  return undefined
}

/** Programs look up others and cannot reach them: behind a cut, or when somebody is stopped, this accuses the living. */
export const failingLookups: Fault = (simulation, rng) => {
  for (const actor of simulation.running()) {
    const found = pick(rng, [...actor.core.registry.actors()])
    if (found === undefined || rng() < 0.5) continue
    const target = simulation.get(found.peerId)
    const reachable = target !== undefined && target.pausedUntil <= simulation.now
    if (reachable && simulation.network.open(actor.place, target.place)) continue
    simulation.give(actor, { type: 'lookupFailed', peerId: found.peerId })
  }
  return undefined
}

function pauseAll(
  simulation: Simulation,
  victims: readonly SimulatedActor[],
  rng: Rng,
  lasts: number,
): (() => void) | undefined {
  for (const victim of victims) simulation.pause(victim, between(rng, lasts / 2, lasts))
  return () => {
    for (const victim of victims) simulation.resume(victim)
  }
}

/** One that may end without leaving fewer than two behind. */
function dispensable(simulation: Simulation, rng: Rng): SimulatedActor | undefined {
  const roots = simulation.roots()
  return roots.length > 2 ? pick(rng, roots) : undefined
}

function restartLater(simulation: Simulation, victim: SimulatedActor, after: number): void {
  simulation.clock.after(after, () => {
    if (simulation.roots().some(({ id, name }) => id === victim.id || name === victim.name)) return
    simulation.startRoot(victim.id, { place: victim.place, name: victim.name })
  })
}

function newId(rng: Rng, prefix: string): string {
  return `${prefix}${Math.floor(rng() * 1e9).toString(36)}`
}

/** Newcomers could be as many as the declared electorate has electors, and be another one. */
function hasOnlyASize({ quorum }: Simulation): boolean {
  return quorum !== undefined && quorum.electors === undefined
}
