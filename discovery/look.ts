import { inspect } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'
import type { Seniority } from './core/version.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import { events } from './events.ts'
import { readSnapshot } from './read-snapshot.ts'
import { type DiscoverySnapshot, MAX_SNAPSHOT_ENTRIES, SNAPSHOT_MEMBERS, type SnapshotOptions } from './snapshot.ts'

/**
 * What this actor knows of its mesh: members, who suspects whom, arbiter, neighbours, counters.
 *
 * A page of 1,000 members of 10,000 takes some milliseconds. A mesh that changes meanwhile gives pages of different
 * moments: each actor that was there all the time is in exactly one of them.
 *
 * @throws InvalidArgument when an option cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const { members, arbiter } = discovery.snapshot()
 * for (const { name, status } of members) console.log(name, status)
 * console.log(arbiter?.name ?? 'nobody rules')
 * ```
 */
function snapshot(options: SnapshotOptions = {}): DiscoverySnapshot {
  return lookAt(currentDiscovery(), options)
}

/** What an actor knows of its mesh. @throws InvalidArgument when an option cannot be used */
export function lookAt(current: Discovery, { limit = SNAPSHOT_MEMBERS, after }: SnapshotOptions): DiscoverySnapshot {
  if (!(Number.isInteger(limit) && limit >= 0 && limit <= MAX_SNAPSHOT_ENTRIES))
    throw new InvalidArgument(`limit is a whole number from 0 to ${MAX_SNAPSHOT_ENTRIES}, got ${inspect(limit)}`)
  const { state, mesh, self, refusals, traffic, reigns } = current
  return readSnapshot(state, {
    mesh,
    self,
    now: current.now(),
    at: Date.now(),
    limit,
    after: readCursor(after),
    reigns: reigns.list(),
    counters: { ...refusals, ...traffic },
  })
}

function readCursor(after: string | undefined): Seniority | undefined {
  if (after === undefined) return undefined
  const [, inc, peerId] = (typeof after === 'string' ? /^(\d{1,16})\.(.{1,128})$/.exec(after) : null) ?? []
  if (inc === undefined || peerId === undefined)
    throw new InvalidArgument(`after is the 'next' of a former snapshot, got ${inspect(after).slice(0, 64)}`)
  return { inc: Number(inc), peerId }
}

/** The discovery layer of this actor, to look at. */
export const discovery = { snapshot, events } as const
