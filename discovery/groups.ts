import type { Portal } from '../rpc/portal.ts'
import { targetOf } from './actor-info.ts'
import { currentDiscovery } from './discovery.ts'
import { type FindOptions, inGroup, select, selectionOf } from './selection.ts'
import { type ActorChange, watchSelection } from './watch.ts'

/** That this actor is in a group; ends with the actor. `using` and `await using` leave it. */
export interface Membership extends Disposable {
  readonly group: string
  /** Ends it; the actor stays in the group while another membership lasts. Later calls do nothing. */
  leave(): void
}

/**
 * Makes this actor a member of a group: a name that many actors share beside their own names, seen by the whole mesh.
 *
 * A group begins with its first member and ends with its last one. Here it is known at once, elsewhere in the time that
 * a new actor takes to be seen.
 *
 * @param group 1 to 128 bytes; an actor is in 16 groups at most
 * @throws LimitExceeded when it is in as many groups already
 * @throws InvalidArgument when it is no name of a group, or does not fit into the actor's record
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * using membership = join('caches')
 * console.log(`${membership.group} has ${members('caches').length} members`)
 * ```
 */
export function join(group: string): Membership {
  const leave = currentDiscovery().metadata.join(group)
  return { group, leave, [Symbol.dispose]: leave }
}

/**
 * Portals to the live members of a group, oldest first; they connect at their first call.
 *
 * @throws InvalidArgument with the path to what cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const [oldest] = members('caches', { where: { tags: ['zone=eu'] } })
 * ```
 */
export function members(group: string, options?: FindOptions): Portal[] {
  const selection = inGroup(selectionOf(undefined, options), group)
  const { state, rpc } = currentDiscovery()
  return select(state.registry, selection).map((record) => rpc.portal(targetOf(record)))
}

/**
 * Watches a group as `watchActors` does: first its members, oldest first, then who comes (`up`), goes (`down`) and
 * changes (`updated`). A cancel point.
 *
 * @throws LimitExceeded when the consumer lags more than 10,000 changes behind
 * @throws InvalidArgument with the path to what cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for await (const { type, actor } of watchMembers('caches')) console.log(type, actor.name)
 * ```
 */
export function watchMembers(group: string, options?: FindOptions): AsyncGenerator<ActorChange, never> {
  return watchSelection(inGroup(selectionOf(undefined, options), group))
}
