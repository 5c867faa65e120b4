import { currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { noteInterrupted } from '../node/echoes.ts'
import { beginWait, endWait } from '../node/waits.ts'
import type { Portal } from '../rpc/portal.ts'
import { type ActorInfo, infoOf, targetOf } from './actor-info.ts'
import { changesOf } from './changes.ts'
import type { Token } from './core/token.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'

/** The elected arbiter and the term it was elected in. */
export interface Arbiter {
  readonly portal: Portal
  /**
   * Grows with every election; a resource that remembers the highest one it has seen is fenced against old arbiters.
   */
  readonly term: number
  /**
   * Whether it says that it sees less than half of the mesh as it was before: another part may have an arbiter of its
   * own. Never with declared electors.
   */
  readonly provisional: boolean
}

/** What {@link watchArbiter} gives: `actor` is missing while the mesh has no arbiter. */
export interface ArbiterChange {
  readonly term: number
  readonly provisional: boolean
  readonly actor: ActorInfo | undefined
}

/**
 * The elected arbiter of the mesh as far as this actor knows; waits while there is none, as on the side of a cut mesh that
 * has no majority of the declared electors. Also on the arbiter itself. A cancel point.
 *
 * @throws Cancelled when the scope is cancelled: put it into `failAfter`
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const { portal, term } = await getArbiter()
 * console.log(`${portal.name} rules in term ${term}`)
 * ```
 */
export async function getArbiter(): Promise<Arbiter> {
  const scope = currentScope()
  const discovery = currentDiscovery()
  const wait = beginWait('waiting for an arbiter')
  try {
    for (;;) {
      scope.throwIfCancelled()
      const { arbiter: token, provisional, registry } = discovery.state
      const record = token === null ? undefined : registry.get(token.peerId)
      if (token !== null && record !== undefined)
        return { portal: discovery.rpc.portal(targetOf(record)), term: token.term, provisional }
      await nextEvent(discovery)
    }
  } catch (error) {
    noteInterrupted(error, wait.what)
    throw error
  } finally {
    endWait(wait)
  }
}

/**
 * Watches who the arbiter is: first who it is now, then every change. A cancel point.
 *
 * @throws LimitExceeded when the consumer lags more than 10,000 changes behind
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for await (const { term, actor } of watchArbiter()) console.log(term, actor?.name ?? 'nobody')
 * ```
 */
export function watchArbiter(): AsyncGenerator<ArbiterChange, never> {
  const discovery = currentDiscovery()
  const describe = (token: Token | null): ArbiterChange => {
    const { registry, election, provisional } = discovery.state
    const record = token === null ? undefined : registry.get(token.peerId)
    return { term: token?.term ?? election.term, actor: record && infoOf(record), provisional }
  }
  return changesOf(discovery.scope, (push) => ({
    present: [describe(discovery.state.arbiter)],
    unsubscribe: discovery.onEvent((event) => {
      if (event.type === 'arbiter') push({ ...describe(event.token), provisional: event.provisional })
    }),
  }))
}

async function nextEvent(discovery: Discovery): Promise<void> {
  const event = Promise.withResolvers<void>()
  const unlisten = discovery.onEvent(() => event.resolve())
  const unlink = currentScope().onCancel(event.reject)
  try {
    await untilCancelled(discovery.scope, event.promise)
  } finally {
    unlisten()
    unlink()
  }
}
