import { type CancelScope, currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { noteInterrupted } from '../node/echoes.ts'
import { ActorDied, InvalidArgument } from '../node/errors.ts'
import { beginWait, endWait } from '../node/waits.ts'
import type { Target } from '../rpc/caller.ts'
import type { Portal } from '../rpc/portal.ts'
import { targetOf } from './actor-info.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import { type FindOptions, select, type Selection, selectionOf } from './selection.ts'

/** Milliseconds until a wait tries actors again that are registered and could not be reached. */
const RETRY_MS = 500

/**
 * The oldest live actor of a name, of those that `where` selects, or `undefined`. A name never matches an id.
 *
 * Connects before it answers: an entry whose actor cannot be reached leaves the registry, and the next one is tried.
 *
 * @param nameOrOptions a name as given to `run`, `joinMesh`, `startActor` or `runInActor`; or only `{ where }`
 * @throws InvalidArgument with the path to what cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const portal = await findActor('gretchen', { where: { tags: ['zone=eu'] } })
 * if (portal !== undefined) console.log(await portal.run(hi))
 * ```
 */
export async function findActor(
  nameOrOptions: string | FindOptions,
  options?: FindOptions,
): Promise<Portal | undefined> {
  const selection = selectSomeone(nameOrOptions, options)
  return (await lookUp(currentDiscovery(), selection)).portal
}

/**
 * Portals to all live actors of a name, of those that `where` selects, or of the mesh; oldest first. They connect at
 * their first call.
 *
 * Oldest means: started first by the clock of its own machine, and the lower peer id of two that started in the same
 * millisecond. Everybody who knows the same actors sees the same order.
 *
 * @throws InvalidArgument with the path to what cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for (const portal of findActors({ where: { tags: ['gpu'] } })) console.log(await portal.run(hi))
 * ```
 */
export function findActors(nameOrOptions?: string | FindOptions, options?: FindOptions): Portal[] {
  const selection = selectionOf(nameOrOptions, options)
  const { state, rpc } = currentDiscovery()
  return select(state.registry, selection).map((record) => rpc.portal(targetOf(record)))
}

/**
 * Waits until an actor of a name, of those that `where` selects, is up anywhere in the mesh; the oldest when there are
 * several. A cancel point.
 *
 * Bounded by the scope it runs in: put it into `failAfter`.
 *
 * @throws InvalidArgument with the path to what cannot be used
 * @throws Cancelled when the scope is cancelled
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * await using portal = await failAfter(5_000, () => waitForActor('gretchen'))
 * ```
 */
export async function waitForActor(nameOrOptions: string | FindOptions, options?: FindOptions): Promise<Portal> {
  const selection = selectSomeone(nameOrOptions, options)
  const scope = currentScope()
  const discovery = currentDiscovery()
  const wait = beginWait(`waiting for ${selection.words}`)
  try {
    for (;;) {
      const portal = await lookUpOrWait(discovery, scope, selection)
      if (portal !== undefined) return portal
    }
  } catch (error) {
    noteInterrupted(error, wait.what)
    throw error
  } finally {
    endWait(wait)
  }
}

/** Ends without a portal when there is a reason to look again. */
async function lookUpOrWait(
  discovery: Discovery,
  scope: CancelScope,
  selection: Selection,
): Promise<Portal | undefined> {
  scope.throwIfCancelled()
  const change = Promise.withResolvers<void>()
  // Listens before it looks, so that no actor comes up in between.
  const unlisten = discovery.onEvent((event) => {
    if (event.type !== 'up' && event.type !== 'updated') return
    try {
      if (selection.matches(event.record)) change.resolve()
    } catch (error) {
      change.reject(error)
    }
  })
  const unlink = scope.onCancel(change.reject)
  let retry: NodeJS.Timeout | undefined
  try {
    const { portal, unreachable } = await lookUp(discovery, selection)
    if (portal !== undefined) return portal
    if (unreachable) retry = setTimeout(change.resolve, RETRY_MS)
    await untilCancelled(discovery.scope, change.promise)
    return undefined
  } finally {
    clearTimeout(retry)
    unlisten()
    unlink()
    change.promise.catch(() => {})
  }
}

interface LookUp {
  readonly portal?: Portal
  /** Whether actors are registered, still, that were not reached. */
  readonly unreachable: boolean
}

/** Tries each actor once: one that is a neighbour stays registered although it cannot be called at the moment. */
async function lookUp(discovery: Discovery, selection: Selection): Promise<LookUp> {
  const tried = new Set<string>()
  for (;;) {
    discovery.scope.throwIfCancelled()
    const found = select(discovery.state.registry, selection)
    const record = found.find(({ peerId }) => !tried.has(peerId))
    if (record === undefined) return { unreachable: found.length > 0 }
    tried.add(record.peerId)
    const target = targetOf(record)
    if (await isReachable(discovery, target)) return { portal: discovery.rpc.portal(target), unreachable: false }
  }
}

function selectSomeone(nameOrOptions: string | FindOptions, options: FindOptions | undefined): Selection {
  const given: unknown = nameOrOptions
  if (given === undefined) throw new InvalidArgument("a look-up of one actor needs a name, or options with 'where'")
  return selectionOf(nameOrOptions, options)
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
