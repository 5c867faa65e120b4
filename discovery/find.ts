import { checkActorName } from '../node/actor-name.ts'
import { currentScope, noteInterrupted, untilCancelled } from '../node/cancel-scope.ts'
import { beginWait, endWait } from '../node/waits.ts'
import { ActorDied, type ActorRef } from '../node/errors.ts'
import type { Target } from '../rpc/caller.ts'
import type { Portal } from '../rpc/portal.ts'
import { changesOf } from './changes.ts'
import type { Change } from './core/change.ts'
import { compareAge } from './core/version.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import type { ActorRecord } from './record.ts'

/** An actor as discovery knows it. */
export interface ActorInfo extends ActorRef {
  readonly addresses: readonly string[]
  /** Namespaces that it serves. */
  readonly modules: readonly string[]
  /** Peer id of the actor that started it; a root has none. */
  readonly parent: string | undefined
  /** Peer id of the top actor of its tree. */
  readonly root: string
}

/** What {@link watchActors} gives. */
export interface ActorChange {
  readonly type: 'up' | 'updated' | 'down'
  readonly actor: ActorInfo
}

/**
 * The oldest live actor of a name, or `undefined`.
 *
 * Connects before it answers: an entry whose actor cannot be reached leaves the registry, and the next one is tried.
 *
 * @param name as given to `run`, `joinMesh`, `startActor` or `runInActor`; never an id
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const portal = await findActor('gretchen')
 * if (portal !== undefined) console.log(await portal.run(hi))
 * ```
 */
export async function findActor(name: string): Promise<Portal | undefined> {
  checkActorName(name)
  const discovery = currentDiscovery()
  for (;;) {
    discovery.scope.throwIfCancelled()
    const [record] = discovery.state.registry.find(name)
    if (record === undefined) return undefined
    const target = targetOf(record)
    if (await isReachable(discovery, target)) return discovery.rpc.portal(target)
  }
}

/**
 * Portals to all live actors of a name, oldest first; they connect at their first call.
 *
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for (const portal of findActors('worker')) console.log(await portal.run(hi))
 * ```
 */
export function findActors(name: string): Portal[] {
  checkActorName(name)
  const { state, rpc } = currentDiscovery()
  return state.registry.find(name).map((record) => rpc.portal(targetOf(record)))
}

/**
 * Waits until an actor of a name is up anywhere in the mesh; the oldest when there are several. A cancel point.
 *
 * Bounded by the scope it runs in: put it into `failAfter`.
 *
 * @throws Cancelled when the scope is cancelled
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * await using portal = await failAfter(5_000, () => waitForActor('gretchen'))
 * ```
 */
export async function waitForActor(name: string): Promise<Portal> {
  checkActorName(name)
  const scope = currentScope()
  const discovery = currentDiscovery()
  const wait = beginWait(`waiting for an actor named '${name}'`)
  try {
    for (;;) {
      scope.throwIfCancelled()
      const change = Promise.withResolvers<void>()
      // Listens before it looks, so that no actor comes up in between.
      const unlisten = discovery.onEvent((event) => {
        if ((event.type === 'up' || event.type === 'updated') && event.record.name === name) change.resolve()
      })
      const unlink = scope.onCancel(change.reject)
      try {
        const portal = await findActor(name)
        if (portal !== undefined) return portal
        await untilCancelled(discovery.scope, change.promise)
      } finally {
        unlisten()
        unlink()
        change.promise.catch(() => {})
      }
    }
  } catch (error) {
    noteInterrupted(error, wait.what)
    throw error
  } finally {
    endWait(wait)
  }
}

/**
 * Watches the actors of the mesh, or those of one name: first those that are up, oldest first, then
 * every change. A cancel point.
 *
 * @throws LimitExceeded when the consumer lags more than 10,000 changes behind
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for await (const { type, actor } of watchActors()) console.log(type, actor.name)
 * ```
 */
export function watchActors(name?: string): AsyncGenerator<ActorChange, never> {
  const discovery = currentDiscovery()
  const { registry } = discovery.state
  return changesOf(discovery.scope, (push) => {
    const tell = (type: ActorChange['type'], record: ActorRecord): void => {
      if (name === undefined || record.name === name) push({ type, actor: infoOf(record) })
    }
    for (const record of [...registry.actors()].sort(compareAge)) tell('up', record)
    return discovery.onEvent((event) => {
      if (isChange(event)) tell(event.type, event.record)
    })
  })
}

/** A portal's target for a record. */
export function targetOf(record: ActorRecord): Target {
  return { name: record.name, id: record.peerId, addresses: record.addrs }
}

/** What users see of a record. */
export function infoOf(record: ActorRecord): ActorInfo {
  const { name, peerId, addrs, modules, parent, root } = record
  return { name, id: peerId, addresses: addrs, modules, parent, root }
}

function isChange(event: { readonly type: string }): event is Change {
  return event.type === 'up' || event.type === 'updated' || event.type === 'down'
}

async function isReachable(discovery: Discovery, target: Target): Promise<boolean> {
  try {
    await discovery.rpc.reach(target)
    return true
  } catch (error) {
    if (!(error instanceof ActorDied)) throw error
    discovery.lookupFailed(target.id)
    return false
  }
}
