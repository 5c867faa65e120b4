import { CancelScope, currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, describeError } from '../node/errors.ts'
import { sleep } from '../node/scopes.ts'
import { builtinId } from '../rpc/builtins.ts'
import type { Target } from '../rpc/caller.ts'
import { LossyQueue } from './lossy-queue.ts'
import type { Gap } from './mesh-observer.ts'
import { latestOf, type Observed, type ObserveRequest, readObserved, sizeOf } from './observed.ts'
import { OBSERVED_AT_ONCE } from './observed-queue.ts'
import type { Vantage } from './vantage.ts'

/** Milliseconds until a root that was lost, and is still a member, is observed again. */
export const OBSERVE_AGAIN_MS = 1_000
/** Milliseconds that what is remembered is waited for before what happens now is told. */
export const RECALLED_MS = 1_500
/** Roots that one observer follows at a time. */
export const MAX_FOLLOWED_ROOTS = 1_024

/** What was observed, and by whom; a gap where something is missing. */
export type Followed = { readonly from: ActorRef; readonly item: Observed } | { readonly gap: Gap }

/** What is followed in all trees of a mesh. */
export interface FollowRequest extends Omit<ObserveRequest, 'below'> {
  /** Whether to go on after what was before. */
  readonly follow: boolean
}

/**
 * Follows all trees of a mesh, each root by a stream of its own, roots that join later included. Leaving the loop ends it.
 *
 * @param read what is given of an item; nothing for one that is passed over
 */
export function followMesh<T>(
  vantage: Vantage,
  request: FollowRequest,
  read: (followed: Followed) => T | undefined,
): AsyncGenerator<T, void> {
  const following = new Following(vantage, request)
  const items = following.items(read)
  const leave = items.return.bind(items)
  // A generator hears of `return()` when it yields next: one that waits has to be woken.
  items.return = async (value) => {
    following.leave()
    return await leave(value)
  }
  return items
}

class Following {
  readonly #vantage: Vantage
  readonly #request: FollowRequest
  readonly #scope: CancelScope
  readonly #queue = new LossyQueue<Followed>((followed) => ('item' in followed ? sizeOf(followed.item) : 0))
  /** Roots that are members, as far as the gate knows. */
  readonly #live = new Map<string, Target>()
  /** Those that are followed. */
  readonly #pumps = new Map<string, Promise<void>>()
  #gatePump: Promise<void> = Promise.resolve()
  readonly #recalled: Observed[] = []
  /** Roots whose past is waited for. */
  #recalling: Set<string> | undefined
  #allRecalled = Promise.withResolvers<void>()
  #failure: { readonly error: unknown } | undefined
  #left = false

  constructor(vantage: Vantage, request: FollowRequest) {
    this.#vantage = vantage
    this.#request = request
    this.#scope = new CancelScope(vantage.scope)
  }

  leave(): void {
    this.#left = true
    this.#queue.wake()
  }

  async *items<T>(read: (followed: Followed) => T | undefined): AsyncGenerator<T, void> {
    const give = (followed: readonly Followed[]): T[] => followed.flatMap((one) => read(one) ?? [])
    try {
      currentScope().throwIfCancelled()
      this.#scope.throwIfCancelled()
      await this.#begin()
      yield* give(await this.#past())
      while (this.#request.follow && !this.#left) {
        await untilCancelled(this.#scope, this.#queue.untilSomething())
        if (this.#failure !== undefined) throw this.#failure.error
        const { missed, items } = this.#queue.take(OBSERVED_AT_ONCE)
        if (missed > 0) yield* give([{ gap: { at: Date.now(), type: 'lagged', missed, actor: undefined } }])
        yield* give(items)
      }
    } finally {
      this.#scope.cancel('what was followed is left')
      await Promise.allSettled([...this.#pumps.values(), this.#gatePump])
      this.#scope.close()
    }
  }

  async #begin(): Promise<void> {
    if (this.#request.recent > 0) this.#recalling = new Set()
    const heard = Promise.withResolvers<void>()
    // its news first, and its members then: nobody who joins in between is missed
    if (this.#request.follow) this.#gatePump = this.#scope.run(async () => await this.#hearGate(heard.resolve))
    else heard.resolve()
    await untilCancelled(currentScope(), Promise.race([heard.promise, this.#gatePump]))
    if (this.#failure !== undefined) throw this.#failure.error
    await this.#meetMembers()
  }

  async #meetMembers(): Promise<void> {
    for (const { name, id, addresses, parent } of await this.#vantage.members())
      if (parent === null) this.#meet({ name, id, addresses })
  }

  async #past(): Promise<Followed[]> {
    if (this.#recalling === undefined) return []
    if (this.#recalling.size === 0) this.#allRecalled.resolve()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, RECALLED_MS)
    try {
      await untilCancelled(currentScope(), Promise.race([this.#allRecalled.promise, late.promise]))
    } finally {
      clearTimeout(timer)
    }
    this.#recalling = undefined
    const { gate } = this.#vantage
    return latestOf(this.#recalled.splice(0), this.#request.recent).map((item) => ({ from: gate, item }))
  }

  #meet(root: Target): void {
    this.#live.set(root.id, root)
    if (this.#pumps.has(root.id) || this.#pumps.size >= MAX_FOLLOWED_ROOTS) return
    this.#recalling?.add(root.id)
    const pump = this.#scope.run(async () => await this.#hearRoot(root))
    this.#pumps.set(
      root.id,
      pump.finally(() => this.#pumps.delete(root.id)),
    )
  }

  /** What the gate learns of the mesh; another root is the gate when it does not answer any more. */
  async #hearGate(onHeard: () => void): Promise<void> {
    while (!this.#scope.cancelled) {
      const { gate } = this.#vantage
      try {
        const stream = this.#observe(gate, { events: false, level: 'silent', below: false, recent: 0, discovery: true })
        for await (const batch of stream) {
          onHeard()
          for (const item of batch) this.#onNews(gate, item)
        }
        throw new ActorDied(gate, 'it tells nothing any more')
      } catch (error) {
        if (this.#scope.cancelled) return
        try {
          this.#vantage.leaveGate(gate, error)
          await this.#meetMembers()
        } catch (cause) {
          this.#fail(cause)
          return
        }
      }
    }
  }

  #onNews(gate: Target, item: Observed): void {
    if (!('discovery' in item)) return
    const { discovery: event } = item
    if (event.type === 'up' && event.actor.parent === undefined) this.#meet(event.actor)
    if (event.type === 'down') this.#live.delete(event.actor.id)
    if (this.#request.discovery) this.#queue.push({ from: gate, item })
  }

  /** What happens in the tree of a root, for as long as it is a member. */
  async #hearRoot(root: Target): Promise<void> {
    const { events, level, recent, actors } = this.#request
    const request = { events, level, below: true, discovery: false, ...(actors === undefined ? {} : { actors }) }
    let said = ''
    for (let past = recent; this.#live.has(root.id); past = 0) {
      try {
        let first = true
        for await (const batch of this.#observe(root, { ...request, recent: past })) {
          if (first && this.#recalling !== undefined) this.#recall(root, batch)
          else for (const item of batch) this.#take(root, item)
          first = false
          said = ''
        }
        throw new ActorDied(root, 'it tells nothing any more')
      } catch (error) {
        this.#recall(root, [])
        if (this.#scope.cancelled || !this.#live.has(root.id)) return
        const why = describeError(error)
        if (why !== said) this.#queue.push({ gap: { at: Date.now(), type: 'silent', actor: refOf(root), why } })
        said = why
        try {
          await sleep(OBSERVE_AGAIN_MS)
        } catch {
          return
        }
      }
    }
  }

  async *#observe(target: Target, request: ObserveRequest): AsyncGenerator<readonly Observed[]> {
    for await (const batch of this.#vantage.portal(target).stream(builtinId('observe'), request))
      yield Array.isArray(batch) ? batch.flatMap((item) => readObserved(item) ?? []) : []
  }

  #take(root: Target, item: Observed): void {
    if (!('missed' in item)) this.#queue.push({ from: refOf(root), item })
    else this.#queue.push({ gap: { at: Date.now(), type: 'lagged', missed: item.missed, actor: refOf(root) } })
  }

  /** What a root remembers is there, or will not come. */
  #recall(root: Target, items: readonly Observed[]): void {
    if (this.#recalling === undefined) return
    this.#recalled.push(...items)
    this.#recalling.delete(root.id)
    if (this.#recalling.size === 0) this.#allRecalled.resolve()
  }

  #fail(error: unknown): void {
    this.#failure = { error }
    this.#queue.wake()
  }
}

function refOf({ name, id }: ActorRef): ActorRef {
  return { name, id }
}
