import { cut } from '../network.ts'
import type { Disturbance } from '../network.ts'
import { settledBreaches } from '../settled.ts'
import { Simulation } from '../simulation.ts'
import type { CoreUnderTest } from '../simulation-options.ts'
import { Broken } from '../laws/law.ts'

/** A run made for one rule; gives how a law was broken, if it was. */
export type Scenario = (seed: number, core: CoreUnderTest | undefined) => Broken | undefined

/** Halves that know each other from seeds which are gone for good: nobody shows them to each other again. */
export const seedsGone: Scenario = (seed, core) => {
  const simulation = meshOf(8, seed, core, 3)
  const [first, second, third, ...others] = simulation.roots()
  const left = new Set(others.slice(0, 2).map(({ place }) => place))
  const halves: Disturbance = { weather: (from, to) => (left.has(from) === left.has(to) ? undefined : cut) }
  simulation.network.disturb(halves)
  simulation.clock.runUntil(simulation.now + 30_000)
  for (const gone of [first, second, third]) if (gone !== undefined) simulation.crash(gone)
  simulation.clock.runUntil(simulation.now + 10_000)
  simulation.network.mend(halves)
  simulation.spreadNews()
  return unsettledAfter(simulation, 30_000, 'parts of a mesh find each other again without those that joined them')
}

/** Who suspects somebody is stopped, and goes on when the time of the suspicion, and of its refutation, has passed. */
export const sleptOverIt: Scenario = (seed, core) => {
  const simulation = meshOf(8, seed, core)
  const [accused, ...others] = simulation.roots()
  if (accused === undefined) return undefined
  const suspects = (): typeof others =>
    others.filter((root) => root.core.liveness.suspicions.get(accused.id)?.own === true)
  simulation.pause(accused, 1_400)
  const until = simulation.now + 1_400
  while (suspects().length === 0 && simulation.now < until) simulation.clock.runUntil(simulation.now + 5)
  const [sleeper] = suspects()
  if (sleeper === undefined) return undefined
  const { verdicts } = sleeper.core.counters
  simulation.pause(sleeper, 20_000)
  simulation.clock.runUntil(simulation.now + 21_000)
  if (sleeper.core.counters.verdicts === verdicts) return undefined
  return new Broken('who was stopped passes no verdict on waking', `${sleeper.id} calls somebody dead`)
}

/** A root hears nobody for a little longer than anybody is suspected. */
export const heardNobody: Scenario = (seed, core) => {
  const simulation = meshOf(16, seed, core)
  const [deaf] = simulation.roots()
  if (deaf === undefined) return undefined
  simulation.network.disturb({ weather: (from, to) => (from !== to && to === deaf.place ? cut : undefined) })
  simulation.clock.runUntil(simulation.now + 2.3 * simulation.profile.suspicion.max)
  const { rootCount } = deaf.core.registry
  if (rootCount === 1) return undefined
  return new Broken('who hears nobody gives all others up at one moment', `${deaf.id} shows ${rootCount} roots`)
}

function meshOf(roots: number, seed: number, core: CoreUnderTest | undefined, seeds?: number): Simulation {
  const simulation = new Simulation({
    seed,
    traced: false,
    ...(core === undefined ? {} : { core }),
    ...(seeds === undefined ? {} : { seeds }),
  })
  for (let index = 0; index < roots; index++) simulation.clock.at(index, () => simulation.startRoot(`r${index}`))
  simulation.clock.runUntil(15_000)
  return simulation
}

function unsettledAfter(simulation: Simulation, ms: number, law: string): Broken | undefined {
  simulation.clock.runUntil(simulation.now + ms)
  const [breach] = settledBreaches(simulation)
  return breach === undefined ? undefined : new Broken(law, breach)
}
