import { sameDigest } from '../../../discovery/core/fact.ts'
import type { Profile, ProfileName } from '../../../discovery/profile.ts'
import type { SimulatedActor } from '../actor.ts'
import type { LawFamily } from '../laws/law.ts'
import type { NetworkClass } from '../network.ts'
import { between } from '../rng.ts'
import { Simulation } from '../simulation.ts'
import type { CoreUnderTest } from '../simulation-options.ts'

/** A mesh to measure. */
export interface MeshOptions {
  readonly roots: number
  readonly seed: number
  /** `lan` when left out. */
  readonly profile?: ProfileName | Profile
  readonly network?: NetworkClass
  readonly core?: CoreUnderTest
  readonly watch?: readonly LawFamily[]
  /** Milliseconds over which the roots start. */
  readonly within?: number
}

/** The longest that a mesh may take to form, in milliseconds. */
const patience = 120_000
/** Milliseconds between two looks. */
const look = 50

/** An id as long as a real peer id, so that bytes count as they do. */
export function longId(index: number): string {
  return `12D3KooW${`${index}x`.padEnd(44, 'sim')}`
}

/** Starts roots that know three seeds each. */
export function startMesh(options: MeshOptions): Simulation {
  const { roots, seed, profile = 'lan', network = 'lan', core, watch = [], within = 10 } = options
  const simulation = new Simulation({
    seed,
    profile,
    network,
    seeds: 3,
    laws: watch,
    wire: false,
    traced: false,
    ...(core === undefined ? {} : { core }),
  })
  for (let index = 0; index < roots; index++) {
    // seeds are there before the others
    const at = index < 3 ? index * 10 : 500 + between(simulation.rng, 0, within)
    simulation.clock.at(at, () => simulation.startRoot(longId(index)))
  }
  return simulation
}

/** Starts a mesh and waits until all know all, follow one arbiter, and have settled. */
export function formMesh(options: MeshOptions): Simulation {
  const simulation = startMesh(options)
  timeUntil(simulation, () => isWhole(simulation, options.roots), patience)
  // links that only joining needed are given up again
  simulation.clock.runUntil(simulation.now + 1.5 * simulation.profile.linger)
  return simulation
}

/** Whether so many actors run, and all know all: those, and `others` of which there are only records. */
export function isWhole(simulation: Simulation, actors: number, others = 0): boolean {
  const running = simulation.running()
  const [first] = running
  if (first === undefined || running.length !== actors) return false
  const { digest } = first.core.registry
  return (
    digest.count === actors + others &&
    running.every(({ core }) => core.joined && sameDigest(core.registry.digest, digest))
  )
}

/** Milliseconds until something holds, looked at every 50 ms. @throws Error when it does not within the limit */
export function timeUntil(simulation: Simulation, holds: () => boolean, limit: number): number {
  const from = simulation.now
  while (!holds()) {
    if (simulation.now - from >= limit) throw new Error(`it does not hold within ${limit} ms: ${holds.toString()}`)
    simulation.clock.runUntil(simulation.now + look)
  }
  return simulation.now - from
}

/** When each actor learnt of something about one actor, as milliseconds since the watch was set. */
export class Watch {
  #subject = ''
  #type: 'up' | 'down' | 'updated' = 'down'
  #since = 0
  readonly #times = new Map<SimulatedActor, number>()

  /** The law that watches: it forbids nothing. */
  readonly family: LawFamily = () => [
    {
      title: 'a watch',
      onStep: ({ actor, effects, now }) => {
        for (const effect of effects) {
          if (effect.type !== 'emit' || !('record' in effect.event) || effect.event.type !== this.#type) continue
          if (effect.event.record?.peerId === this.#subject && !this.#times.has(actor)) {
            this.#times.set(actor, now - this.#since)
          }
        }
      },
    },
  ]

  set(type: 'up' | 'down' | 'updated', subject: string, since: number): void {
    this.#type = type
    this.#subject = subject
    this.#since = since
    this.#times.clear()
  }

  get count(): number {
    return this.#times.size
  }

  /** Milliseconds until the first one, and until this share of all of them, knew. */
  get first(): number {
    return Math.min(...this.#times.values())
  }

  after(share: number): number {
    return quantile([...this.#times.values()], share)
  }
}

/** The value below which a share of the values lies; the last one for 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}
