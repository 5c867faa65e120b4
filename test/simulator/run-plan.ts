import { profiles } from '../../discovery/profile.ts'
import { disturb, populate } from './faults.ts'
import type { Plan } from './faults.ts'
import { settledBreaches } from './laws.ts'
import { seeded, wholeBetween } from './rng.ts'
import { Simulation } from './simulation.ts'

/** What came of a run. */
export interface Outcome {
  readonly hash: string
  /** Breaches of the laws, in words; none is what one hopes for. */
  readonly breaches: readonly string[]
  /** The end of the trace, when it was asked for. */
  readonly lines: readonly string[]
  readonly elections: number
  readonly actors: number
}

/** Time that a mesh gets to heal: longer than the slowest retry, that of a root which was declared dead. */
const healing = 30_000

/** Runs one seed from start to peace and holds it to the laws. */
export function runPlan({ seed, roots, disturbed = 15_000 }: Plan, keepTrace = 0): Outcome {
  const simulation = new Simulation(seed, keepTrace)
  const breaches: string[] = []
  try {
    populate(simulation, roots ?? wholeBetween(seeded(seed ^ 0x5eed), 3, 12))
    disturb(simulation, disturbed)
    simulation.clock.runUntil(disturbed + healing)
    breaches.push(...settledBreaches(simulation.running()))
    const { elections } = simulation.laws
    simulation.clock.runUntil(disturbed + healing + 10 * profiles.loopback.lease)
    breaches.push(...settledBreaches(simulation.running()))
    const further = simulation.laws.elections - elections
    if (further > 0) breaches.push(`${further} further terms within 10 leases of peace`)
  } catch (error) {
    breaches.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return {
    hash: simulation.trace.hash,
    breaches,
    lines: simulation.trace.lines,
    elections: simulation.laws.elections,
    actors: simulation.running().length,
  }
}
