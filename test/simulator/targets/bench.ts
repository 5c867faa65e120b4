import type { SimulatedActor } from '../actor.ts'
import { pick } from '../rng.ts'
import type { Simulation } from '../simulation.ts'
import { formLargeMesh } from './large-mesh.ts'
import type { LargeMesh } from './large-mesh.ts'
import { formMesh, isWhole, longId, quantile, timeUntil, Watch } from './mesh.ts'

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
  /** Sizes that take minutes and gigabytes: `--long` measures them. */
  readonly longSizes?: readonly number[]
  /** Measures it; may leave the mesh with fewer roots. */
  readonly measure: (bench: Bench) => Measured | Promise<Measured>
}

/** Milliseconds. */
export const minute = 60_000
/** From so many roots on a mesh has not come together, but is there. */
const large = 4_000
/** From so many on, each root has so many actors below it. */
const largest = { roots: 10_000, children: 10 } as const

/** A mesh of one size that all rows share: to form a large one costs more than to measure it. */
export class Bench {
  readonly roots: number
  readonly watch = new Watch()
  #mesh: LargeMesh | undefined

  constructor(roots: number) {
    this.roots = roots
  }

  /** Actors below the roots that are left, of which there are records alone. */
  get below(): number {
    return this.#mesh?.below() ?? 0
  }

  /** The mesh in peace: all who are left know all. */
  get simulation(): Simulation {
    this.#mesh ??= this.#form()
    const { simulation } = this.#mesh
    // those that were lost in a measurement are made up for
    for (let missing = this.roots - simulation.roots().length; missing > 0; missing--) {
      simulation.startRoot(longId(this.roots + simulation.lives))
    }
    timeUntil(simulation, () => isWhole(simulation, simulation.roots().length, this.below), 5 * minute)
    simulation.clock.runUntil(simulation.now + 5_000)
    return simulation
  }

  #form(): LargeMesh {
    const { roots } = this
    const watch = [this.watch.family]
    if (roots < large) return { simulation: formMesh({ roots, seed: roots, watch }), below: () => 0 }
    return formLargeMesh({ roots, children: roots < largest.roots ? 0 : largest.children, seed: roots, watch })
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}

/** How often something is repeated in one mesh: large ones give many observers each time. */
export function times(roots: number): number {
  return roots <= 100 ? 20 : roots <= 128 ? 10 : 4
}

/** A root that is not the arbiter. */
export function someRoot(simulation: Simulation): SimulatedActor {
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

export function distribution(values: readonly number[], p50: number, p99: number): Measured {
  const [middle, most] = [quantile(values, 0.5), quantile(values, 0.99)]
  return { text: `${seconds(middle)} / ${seconds(most)}`, p50: middle, p99: most, met: middle <= p50 && most <= p99 }
}
