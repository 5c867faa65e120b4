import { arbiterOf } from '../../../discovery/core/election.ts'
import { profiles } from '../../../discovery/profile.ts'
import type { SimulatedActor } from '../actor.ts'
import { cut } from '../network.ts'
import type { Disturbance } from '../network.ts'
import type { Simulation } from '../simulation.ts'
import { pick } from '../rng.ts'
import { countFalsePositives, plainSwim, withoutLifeguard } from './false-positives.ts'
import { formMesh, isWhole, longId, quantile, startMesh, timeUntil, Watch } from './mesh.ts'

/** What a measurement gave: named numbers, and whether the target is met. */
export interface Measured {
  readonly text: string
  /** For plots, in milliseconds or bytes a second. */
  readonly p50: number
  readonly p99: number
  readonly met: boolean
}

/** One row of the table. */
export interface Target {
  readonly id: string
  readonly what: string
  readonly anchor: string
  readonly target: string
  readonly sizes: readonly number[]
  /** Measures it; may leave the mesh with fewer roots. */
  readonly measure: (bench: Bench) => Measured | Promise<Measured>
}

const minute = 60_000

/** A mesh of one size that all rows share: to form a large one costs more than to measure it. */
export class Bench {
  readonly roots: number
  readonly watch = new Watch()
  #simulation: Simulation | undefined

  constructor(roots: number) {
    this.roots = roots
  }

  /** The mesh in peace: all who are left know all. */
  get simulation(): Simulation {
    this.#simulation ??= formMesh({ roots: this.roots, seed: this.roots, watch: [this.watch.family] })
    const simulation = this.#simulation
    // those that were lost in a measurement are made up for
    for (let missing = this.roots - simulation.roots().length; missing > 0; missing--) {
      simulation.startRoot(longId(this.roots + simulation.lives))
    }
    timeUntil(simulation, () => isWhole(simulation, simulation.roots().length), 5 * minute)
    simulation.clock.runUntil(simulation.now + 5_000)
    return simulation
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}

/** How often something is repeated in one mesh: large ones give many observers each time. */
function times(roots: number): number {
  return roots <= 100 ? 20 : roots <= 128 ? 10 : 4
}

/** A root that is not the arbiter. */
function someRoot(simulation: Simulation): SimulatedActor {
  const root = pick(
    simulation.rng,
    simulation.roots().filter(({ core, id }) => core.election.reign === undefined && !isSeed(id)),
  )
  if (root === undefined) throw new Error('there is no root to choose')
  return root
}

function isSeed(id: string): boolean {
  return /^12D3KooW[012]x/.test(id)
}

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

function distribution(values: readonly number[], p50: number, p99: number): Measured {
  const [middle, most] = [quantile(values, 0.5), quantile(values, 0.99)]
  return { text: `${seconds(middle)} / ${seconds(most)}`, p50: middle, p99: most, met: middle <= p50 && most <= p99 }
}

function crash(bench: Bench): Measured {
  return distribution(
    lastToKnow(bench, (simulation, victim) => simulation.crash(victim)),
    500,
    2_000,
  )
}

function hang(bench: Bench): Measured {
  return distribution(
    lastToKnow(bench, (simulation, victim) => simulation.pause(victim, 60 * minute)),
    5_000,
    9_000,
  )
}

function lostHost(bench: Bench): Measured {
  return distribution(
    lastToKnow(bench, (simulation, victim) => simulation.crash(victim, true)),
    5_000,
    9_000,
  )
}

function change(bench: Bench): Measured {
  const { watch, roots } = bench
  const spread: number[] = []
  for (let round = 0; round < times(roots); round++) {
    const { simulation } = bench
    const root = someRoot(simulation)
    const audience = simulation.roots().length
    watch.set('updated', root.id, simulation.now)
    root.edits++
    simulation.give(root, { type: 'changed' })
    timeUntil(simulation, () => watch.count >= 0.9999 * audience, minute)
    spread.push(watch.after(0.9999))
  }
  const bound = roots <= 100 ? 500 : roots <= 1_000 ? 1_000 : 1_500
  return distribution(spread, bound, bound)
}

function storm({ roots }: Bench): Measured {
  const simulation = startMesh({ roots: roots + 3, seed: roots })
  simulation.clock.runUntil(500)
  const took = timeUntil(simulation, () => isWhole(simulation, roots + 3), 5 * minute)
  return { text: seconds(took), p50: took, p99: took, met: took <= (roots <= 1_000 ? 15_000 : 30_000) }
}

/** 1 % of the roots hear and are heard badly; who is called dead, and where. */
function sick({ simulation }: Bench, kind: 'loss' | 'flapping'): Measured {
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

/** Until another arbiter rules and everybody follows it. */
function succession(
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

function heal({ simulation }: Bench): Measured {
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

function idle({ simulation }: Bench): Measured {
  const span = 30
  simulation.countBytes = true
  const before = simulation.roots().map(({ bytes }) => bytes)
  simulation.clock.runUntil(simulation.now + span * 1_000)
  simulation.countBytes = false
  const rates = simulation.roots().map(({ bytes }, index) => (bytes - (before[index] ?? 0)) / span)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const most = Math.max(...rates)
  return {
    text: `${(mean / 1_000).toFixed(2)} KB/s (most ${(most / 1_000).toFixed(2)})`,
    p50: mean,
    p99: most,
    met: mean <= 1_500,
  }
}

/** The shares of plain SWIM's false positives that Lifeguard left, in percent: everywhere, and at healthy members. */
const lifeguard = { all: 1.53, atHealthy: 1.89 }

async function falsePositives({ roots }: Bench): Promise<Measured> {
  const ours = countFalsePositives(roots, profiles.lan)
  const plain = countFalsePositives(roots, plainSwim(roots), await withoutLifeguard())
  const all = (100 * ours.all) / Math.max(1, plain.all)
  const atHealthy = (100 * ours.atHealthy) / Math.max(1, plain.atHealthy)
  return {
    text: `${ours.all} against ${plain.all}: ${all.toFixed(2)} %; at healthy members ${ours.atHealthy} against ${plain.atHealthy}: ${atHealthy.toFixed(2)} %`,
    p50: all,
    p99: atHealthy,
    met: all <= lifeguard.all && atHealthy <= lifeguard.atHealthy,
  }
}

const usual = [10, 100, 1_000]

/** The rows of the table; those that hurt a mesh most come last. */
export const targets: readonly Target[] = [
  {
    id: 'change',
    what: 'a change is at 99.99 % of the nodes (p50 / p99)',
    anchor: 'Serf 2.0 / 2.2 / 2.6 s',
    target: '≤ 0.5 / 1 / 1.5 s at 100 / 1k / 10k',
    sizes: usual,
    measure: change,
  },
  {
    id: 'idle',
    what: 'idle traffic per root (sent, with framing)',
    anchor: 'memberlist 0.54, Rapid 0.71 KB/s',
    target: '≤ 1.5 KB/s at 1 s probes',
    sizes: usual,
    measure: idle,
  },
  {
    id: 'crash',
    what: 'a crash is known everywhere (p50 / p99)',
    anchor: 'actor-ts 5 s, Consul ~10 s',
    target: '≤ 0.5 / 2 s',
    sizes: usual,
    measure: crash,
  },
  {
    id: 'hang',
    what: 'a root that hangs is known everywhere (p50 / p99)',
    anchor: 'Lifeguard 12.45 / 17.9 s',
    target: '≤ 5 / 9 s',
    sizes: usual,
    measure: hang,
  },
  {
    id: 'host',
    what: 'a host that lost power is known everywhere (p50 / p99)',
    anchor: 'Lifeguard 12.45 / 17.9 s',
    target: '≤ 5 / 9 s',
    sizes: usual,
    measure: lostHost,
  },
  {
    id: 'succession',
    what: 'a new arbiter that all follow, after a crash (p50 / p99)',
    anchor: 'Akka 25–45 s, lease locks 15 s',
    target: '≤ 1.2 s',
    sizes: usual,
    measure: (bench) => succession(bench, (simulation, arbiter) => simulation.crash(arbiter), 1_200),
  },
  {
    id: 'hung-arbiter',
    what: 'a new arbiter that all follow, after a hang (p50 / p99)',
    anchor: 'Akka 25–45 s, lease locks 15 s',
    target: '≤ 4.5 s',
    sizes: usual,
    measure: (bench) => succession(bench, (simulation, arbiter) => simulation.pause(arbiter, 60 * minute), 4_500),
  },
  {
    id: 'loss',
    what: '1 % of the nodes lose 80 % of all packets, for 3 min',
    anchor: 'Rapid exact, memberlist fails',
    target: 'exactly the faulty removed',
    sizes: [100, 1_000],
    measure: (bench) => sick(bench, 'loss'),
  },
  {
    id: 'flapping',
    what: '1 % of the nodes are not heard 20 s of every 40, for 3 min',
    anchor: 'Rapid exact, memberlist fails',
    target: 'exactly the faulty removed',
    sizes: [100, 1_000],
    measure: (bench) => sick(bench, 'flapping'),
  },
  {
    id: 'heal',
    what: 'two halves meet: one arbiter, equal digests',
    anchor: 'Akka downs one side',
    target: '≤ 10 s (500 + 500)',
    sizes: usual,
    measure: heal,
  },
  {
    id: 'storm',
    what: 'so many join at once, until all know all',
    anchor: 'Akka 155 s, Rapid ~45 s, memberlist 95 s',
    target: '≤ 15 s (1,000), ≤ 30 s (2,000)',
    sizes: [100, 1_000, 2_000],
    measure: storm,
  },
  {
    id: 'false-positives',
    what: 'living called dead on the Lifeguard grid, against plain SWIM settings',
    anchor: 'Lifeguard 1.53 % (1.89 % at healthy members)',
    target: 'no more than either',
    sizes: [128],
    measure: falsePositives,
  },
]
