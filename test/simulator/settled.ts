import type { Simulation } from './simulation.ts'

/** What does not hold among all that run, as it must in peace; in words. */
export function settledBreaches(simulation: Simulation): string[] {
  const running = simulation.running()
  return simulation.laws.flatMap((law) => [...(law.settled?.(running) ?? [])])
}
