import {
  type ActorStats,
  type ActorVitals,
  type FunctionDescription,
  type Portal,
  readVitals,
  sleep,
} from '../index.ts'
import type { MeshSight } from './mesh-sight.ts'
import { roundTrip } from './round-trip.ts'

/** Milliseconds over which its processor and its event loop are looked at. */
const LOOKED_AT_MS = 52

/** One actor, as `describe --json` prints it. */
export interface ActorDescription {
  readonly name: string
  readonly id: string
  readonly status: string
  readonly parent: { readonly name: string; readonly id: string } | null
  readonly root: { readonly name: string; readonly id: string }
  readonly version: string | null
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly addresses: readonly string[]
  readonly modules: readonly string[]
  readonly rttMs: number
  /** What may be called in it. */
  readonly functions: readonly FunctionDescription[]
  readonly stats: ActorStats
  /** Its process, memory, processor, event loop, connections, and open streams with their credit. */
  readonly vitals: Omit<ActorVitals, 'name' | 'id' | 'root' | 'parent' | 'stats'>
}

/** @param given its name, its id, or the end of it @throws CommandError `NO_SUCH_ACTOR`, `AMBIGUOUS` */
export async function readActor(sight: MeshSight, given: string): Promise<ActorDescription> {
  const members = sight.members()
  const member = sight.member(given)
  const portal = sight.portal(member)
  const [functions, rttMs, reading] = await Promise.all([portal.describe(), roundTrip(portal), lookAtFor(portal)])
  const { name: _name, id: _id, root: _root, parent: _parent, stats, ...vitals } = reading
  const refOf = (id: string): { name: string; id: string } => ({
    name: members.find((one) => one.id === id)?.name ?? '',
    id,
  })
  const { name, id, status, parent, root, version, tags, groups, addresses, modules } = member
  return {
    name,
    id,
    status,
    parent: parent === null ? null : refOf(parent),
    root: refOf(root),
    version,
    tags,
    groups,
    addresses,
    modules,
    rttMs,
    functions,
    stats,
    vitals,
  }
}

/** The first question begins to measure, unless somebody else looks already; the second one tells. */
async function lookAtFor(portal: Portal): Promise<ActorVitals> {
  const first = await readVitals(portal)
  if (first.eventLoop.delayMs !== null) return first
  await sleep(LOOKED_AT_MS)
  return await readVitals(portal)
}
