import { type ActorInfo, infoOf } from './actor-info.ts'
import { changesOf } from './changes.ts'
import type { Change, Gone } from './core/change.ts'
import { compareAge } from './core/version.ts'
import { currentDiscovery } from './discovery.ts'
import type { ActorRecord } from './record.ts'
import { type FindOptions, type Selection, selectionOf } from './selection.ts'

/** What {@link watchActors} gives. */
export interface ActorChange {
  /** With `where`, `up` also means that an actor is selected from now on, and `down` that it is no longer. */
  readonly type: 'up' | 'updated' | 'down'
  readonly actor: ActorInfo
  /**
   * Of `down`: it said goodbye, somebody saw it end, an actor above it is gone, or its peer id began a new life; missing
   * when it lives and is no longer selected.
   */
  readonly why?: Gone
}

/**
 * Watches the actors of the mesh, those of one name, or those that `where` selects: first those that are up, oldest
 * first, then every change. Leaving the loop ends it. A cancel point.
 *
 * @throws LimitExceeded when the consumer lags more than 10,000 changes behind; those up at first do not count
 * @throws InvalidArgument with the path to what cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for await (const { type, actor } of watchActors({ where: { tags: ['gpu'] } })) console.log(type, actor.name)
 * ```
 */
export function watchActors(
  nameOrOptions?: string | FindOptions,
  options?: FindOptions,
): AsyncGenerator<ActorChange, never> {
  return watchSelection(selectionOf(nameOrOptions, options))
}

/** First those that are selected and up, oldest first, then every change of that. */
export function watchSelection({ matches }: Selection): AsyncGenerator<ActorChange, never> {
  const discovery = currentDiscovery()
  return changesOf(discovery.scope, (push, fail) => {
    const selected = new Set<string>()
    const tell = (change: Change): void => {
      const { record } = change
      const before = selected.has(record.peerId)
      const now = change.type !== 'down' && isUp(record) && matches(record)
      if (now) selected.add(record.peerId)
      else selected.delete(record.peerId)
      if (now) push({ type: before ? 'updated' : 'up', actor: infoOf(record) })
      else if (before)
        push({ type: 'down', actor: infoOf(record), ...(change.type === 'down' ? { why: change.why } : {}) })
    }
    const present: ActorChange[] = []
    for (const record of [...discovery.state.registry.actors()].sort(compareAge)) {
      if (!isUp(record) || !matches(record)) continue
      selected.add(record.peerId)
      present.push({ type: 'up', actor: infoOf(record) })
    }
    const unsubscribe = discovery.onEvent((event) => {
      if (event.type !== 'up' && event.type !== 'updated' && event.type !== 'down') return
      try {
        tell(event)
      } catch (error) {
        fail(error)
      }
    })
    return { present, unsubscribe }
  })
}

/** One that is leaving cannot be found any more. */
function isUp({ status }: ActorRecord): boolean {
  return status === 'up'
}
