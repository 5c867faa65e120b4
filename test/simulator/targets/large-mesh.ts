import * as discoveryCore from '../../../discovery/core/core.ts'
import { isArbiter } from '../../../discovery/core/election.ts'
import type { Known } from '../../../discovery/core/fact.ts'
import { createCore } from '../../../discovery/core/state.ts'
import { addressOf, signAs } from '../actor.ts'
import type { LawFamily } from '../laws/law.ts'
import { epoch, Simulation } from '../simulation.ts'
import { isWhole, longId, timeUntil } from './mesh.ts'
import { membersOf, SharedMembers } from './shared-members.ts'

/** A mesh that is there from the beginning, instead of having come together. */
export interface LargeMesh {
  readonly simulation: Simulation
  /** Actors below running roots: nothing of them is simulated but their records, which all roots have. */
  readonly below: () => number
}

export interface LargeMeshOptions {
  readonly roots: number
  /** Actors below each root. */
  readonly children: number
  readonly seed: number
  readonly watch?: readonly LawFamily[]
}

/**
 * Starts roots that know all others, as if they had just joined: to feed each of 10,000 with 110,000 records would take
 * hours and 200 GB. They dial, probe, elect and gossip as all do, and who is started later joins as everybody does.
 */
export function formLargeMesh({ roots, children, seed, watch = [] }: LargeMeshOptions): LargeMesh {
  const ids = Array.from({ length: roots }, (_, index) => longId(index))
  const shared = membersOf(recordsOf(ids, children))
  let forming = true
  const simulation = new Simulation({
    seed,
    profile: 'lan',
    network: 'lan',
    seeds: 3,
    laws: watch,
    wire: false,
    traced: false,
    core: {
      step: discoveryCore.step,
      isArbiter,
      createCore: (options) => createCore({ ...options, members: forming ? new SharedMembers(shared) : undefined }),
    },
  })
  for (const id of ids) {
    // until a first batch has found nobody to tell: that all say to all what all know would be 100 million messages
    simulation.startRoot(id, { peers: [] }).place.busyUntil = 1.5 * simulation.profile.batch
  }
  forming = false
  const parents = new Set(ids)
  const below = (): number => children * simulation.roots().filter(({ id }) => parents.has(id)).length
  const settled = (): boolean =>
    isWhole(simulation, roots, below()) && simulation.roots().every(({ core }) => core.arbiter !== null)
  timeUntil(simulation, settled, 120_000)
  simulation.clock.runUntil(simulation.now + simulation.profile.linger)
  return { simulation, below }
}

/** What all of them say when they start: all at the same moment, so that their numbers are those of their lives. */
function* recordsOf(ids: readonly string[], children: number): Generator<Known> {
  const version = { inc: epoch, rev: 0, seq: 0, status: 'up' } as const
  for (const [index, id] of ids.entries()) {
    const actor = { id, name: `name of ${id}`, parent: undefined, root: id, address: addressOf(id, index), edits: 0 }
    yield signAs(actor, version)
    for (let child = 0; child < children; child++) {
      const below = `${id.slice(0, -4)}${String(child).padStart(4, '.')}`
      yield signAs({ ...actor, id: below, name: `name of ${below}`, parent: id, address: addressOf(below, 0) }, version)
    }
  }
}
