import { arbiterOf } from '../../../discovery/core/election.ts'
import type { SimulatedActor } from '../actor.ts'
import { cut } from '../network.ts'
import type { Simulation } from '../simulation.ts'
import { distribution, minute, seconds } from './bench.ts'
import type { Bench, Measured } from './bench.ts'
import { isWhole, timeUntil } from './mesh.ts'

/** Until another arbiter rules and everybody follows it. */
export function succession(
  bench: Bench,
  happen: (simulation: Simulation, arbiter: SimulatedActor) => void,
  bound: number,
): Measured {
  const took: number[] = []
  for (let round = 0; round < (bench.roots <= 10 ? 2 : 4); round++) {
    const { simulation } = bench
    const arbiter = simulation.roots().find(({ core }) => core.election.reign !== undefined)
    if (arbiter === undefined) throw new Error('there is no arbiter')
    const others = simulation.roots().filter((root) => root !== arbiter)
    happen(simulation, arbiter)
    const follows = ({ core }: SimulatedActor): boolean => {
      const token = arbiterOf(core)
      return token !== null && token.peerId !== arbiter.id
    }
    took.push(
      timeUntil(
        simulation,
        () => others.some(({ core }) => core.election.reign !== undefined) && others.every(follows),
        minute,
      ),
    )
    simulation.crash(arbiter)
  }
  return distribution(took, bound, bound)
}

export function heal({ simulation }: Bench): Measured {
  const all = simulation.roots()
  const left = new Set(all.slice(0, Math.floor(all.length / 2)).map(({ place }) => place))
  const halves = {
    weather: (from: SimulatedActor['place'], to: SimulatedActor['place']) =>
      left.has(from) === left.has(to) ? undefined : cut,
  }
  simulation.network.disturb(halves)
  const sides = [all.slice(0, left.size), all.slice(left.size)]
  const parted = (): boolean =>
    sides.every((side) =>
      side.every(({ core }) => core.registry.digest.count === side.length && arbiterOf(core) !== null),
    )
  timeUntil(simulation, parted, 6 * minute)
  simulation.clock.runUntil(simulation.now + 30_000)
  simulation.network.mend(halves)
  const one = (): boolean => {
    const ruling = all.filter((actor) => simulation.isArbiter(actor))
    return (
      ruling.length === 1 &&
      isWhole(simulation, all.length) &&
      all.every(({ core }) => arbiterOf(core)?.peerId === ruling[0]?.id)
    )
  }
  const took = timeUntil(simulation, one, 5 * minute)
  return { text: seconds(took), p50: took, p99: took, met: took <= 10_000 }
}
