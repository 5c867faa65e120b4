import { LimitExceeded } from '../node/errors.ts'
import { MAX_RELAY_TARGETS } from '../rpc/broadcast.ts'
import type { Registry } from './core/registry.ts'
import type { ActorRecord } from './record.ts'
import { select, type Selection } from './selection.ts'

/** Actors that one broadcast reaches. */
export const MAX_BROADCAST_ACTORS = 10_000

/** Those that one message is for. */
export interface Part {
  /** Who passes it on; missing when it goes to the only actor of the part itself. */
  readonly root?: ActorRecord
  readonly actors: readonly ActorRecord[]
}

/** Whom a broadcast is for, oldest first. @throws LimitExceeded when they are too many */
export function recipientsOf(registry: Registry, selection: Selection): readonly ActorRecord[] {
  const records = select(registry, selection)
  if (records.length <= MAX_BROADCAST_ACTORS) return records
  throw new LimitExceeded('MAX_BROADCAST_ACTORS', `${records.length} actors are selected: narrow it by conditions`)
}

/**
 * The messages of a broadcast: one for all actors of a tree, to its root. Those of the caller's own tree are on its own
 * host, and the only one of a tree needs nobody to pass anything on: they are called directly.
 */
export function partsOf(registry: Registry, ownRoot: string, records: readonly ActorRecord[]): Part[] {
  const parts: Part[] = []
  for (const [rootId, actors] of Map.groupBy(records, ({ root }) => root)) {
    const root = registry.get(rootId)
    if (root === undefined || rootId === ownRoot || actors.length === 1) {
      for (const actor of actors) parts.push({ actors: [actor] })
      continue
    }
    for (let from = 0; from < actors.length; from += MAX_RELAY_TARGETS)
      parts.push({ root, actors: actors.slice(from, from + MAX_RELAY_TARGETS) })
  }
  return parts
}
