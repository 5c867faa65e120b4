import { profiles } from '../../../discovery/profile.ts'
import { cut } from '../network.ts'
import type { Disturbance } from '../network.ts'
import type { SimulatedActor } from '../actor.ts'
import type { Simulation } from '../simulation.ts'
import { distribution, minute, someRoot, times } from './bench.ts'
import type { Bench, Measured } from './bench.ts'
import { timeUntil } from './mesh.ts'

/** Something happens to one root at a time; when the last of the others knows. */
function lastToKnow(bench: Bench, happen: (simulation: Simulation, victim: SimulatedActor) => void): number[] {
  const { watch, roots } = bench
  const last: number[] = []
  for (let round = 0; round < Math.min(times(roots), 1 + roots / 10); round++) {
    const { simulation } = bench
    const victim = someRoot(simulation)
    watch.set('down', victim.id, simulation.now)
    const witnesses = simulation.roots().length - 1
    happen(simulation, victim)
    timeUntil(simulation, () => watch.count >= witnesses, 4 * minute)
    last.push(watch.after(1))
    // one that hangs is ended, so that it does not come back
    simulation.crash(victim)
  }
  return last
}

export function crash(bench: Bench): Measured {
  return distribution(
    lastToKnow(bench, (simulation, victim) => simulation.crash(victim)),
    500,
    2_000,
  )
}

export function hang(bench: Bench): Measured {
  return distribution(
    lastToKnow(bench, (simulation, victim) => simulation.pause(victim, 60 * minute)),
    5_000,
    9_000,
  )
}

export function lostHost(bench: Bench): Measured {
  return distribution(
    lastToKnow(bench, (simulation, victim) => simulation.crash(victim, true)),
    5_000,
    9_000,
  )
}

/** 1 % of the roots hear and are heard badly; who is called dead, and where. */
export function sick({ simulation }: Bench, kind: 'loss' | 'flapping'): Measured {
  const victims = simulation.roots().filter((_, index) => index >= 3 && index % 100 === 50)
  const places = new Set(victims.map(({ place }) => place))
  const began = simulation.now
  const loss = { loss: 0.8, duplication: 0, delay: 0 }
  const sickness: Disturbance = {
    weather: (from, to) => {
      if (kind === 'loss') return places.has(from) || places.has(to) ? loss : undefined
      // nobody hears them for 20 s of every 40
      return places.has(from) && Math.floor((simulation.now - began) / 20_000) % 2 === 0 ? cut : undefined
    },
  }
  simulation.network.disturb(sickness)
  simulation.clock.runUntil(began + 3 * minute)
  const healthy = simulation.roots().filter(({ place }) => !places.has(place))
  let wrong = 0
  let kept = 0
  for (const { core } of healthy) {
    for (const other of healthy) if (core.registry.get(other.id) === undefined) wrong++
    for (const { id } of victims) if (core.registry.get(id) !== undefined) kept++
  }
  simulation.network.mend(sickness)
  const removed = 1 - kept / (healthy.length * Math.max(1, victims.length))
  return {
    text: `${(100 * removed).toFixed(0)} % of the views without the ${victims.length} faulty, ${wrong} without a healthy one`,
    p50: wrong,
    p99: kept,
    met: wrong === 0 && kept === 0,
  }
}

/** One root hears nobody, and nobody hears it: until it has given all others up. */
export function isolation(bench: Bench): Measured {
  const took: number[] = []
  for (let round = 0; round < (bench.roots <= 100 ? 4 : 2); round++) {
    const { simulation } = bench
    const victim = someRoot(simulation)
    const alone: Disturbance = {
      weather: (a, b) => (a !== b && (a === victim.place || b === victim.place) ? cut : undefined),
    }
    simulation.network.disturb(alone)
    took.push(timeUntil(simulation, () => victim.core.registry.rootCount === 1, 4 * minute))
    simulation.crash(victim)
    simulation.network.mend(alone)
    simulation.spreadNews()
  }
  const { max, min } = profiles.lan.suspicion
  return distribution(took, 2 * max + min, 2 * max + min)
}
