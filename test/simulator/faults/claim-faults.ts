import type { SimulatedActor } from '../actor.ts'
import { pick } from '../rng.ts'
import type { Simulation } from '../simulation.ts'
import type { Fault } from './fault.ts'

/** Few names for many actors, so that they compete. */
const names = ['crown', 'sceptre', 'orb'] as const
/** Milliseconds between two looks at whether a claim was granted. */
const look = 100

/**
 * An actor claims a name. When its time is over it gives up what it holds, or waits on and gives the name up as soon as it
 * gets it; a few lose their patience.
 */
export const claim: Fault = (simulation, rng) => {
  const actor = pick(rng, simulation.running())
  const name = pick(rng, names)
  if (actor === undefined || name === undefined || actor.core.claims.own.size >= 8) return undefined
  const id = Math.floor(rng() * 2 ** 32)
  const patient = rng() < 0.8
  simulation.give(actor, { type: 'claim', id, name })
  return () => giveUp(simulation, actor, id, patient)
}

function giveUp(simulation: Simulation, actor: SimulatedActor, id: number, patient: boolean): void {
  const { clock, now } = simulation
  if (!actor.running) return
  const claimed = actor.core.claims.own.get(id)
  // a stopped process may not have heard of its own claim yet
  if (claimed === undefined && actor.pausedUntil <= now) return
  if (claimed?.fence !== undefined || !patient) simulation.give(actor, { type: 'unclaim', ids: [id] })
  else clock.after(look, () => giveUp(simulation, actor, id, patient))
}
