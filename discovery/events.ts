import type { ActorRef } from '../node/errors.ts'
import { type ActorInfo, infoOf } from './actor-info.ts'
import { changesOf } from './changes.ts'
import type { Gone } from './core/change.ts'
import type { CoreState } from './core/state.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import type { Observation } from './observation.ts'

/**
 * Something that has changed in the mesh, as this actor learnt of it; plain data. The name in an `ActorRef` is empty when
 * the record of that peer is not known.
 */
export type DiscoveryEvent = {
  /** When this actor learnt of it: milliseconds since 1970. */
  readonly at: number
} & (
  | { readonly type: 'up' | 'updated'; readonly actor: ActorInfo }
  /**
   * An actor is gone: it said goodbye (`left`), `by` has seen or decided that it is `dead`, an actor above it is gone
   * (`subtree`), or its peer id began a new life (`restarted`).
   */
  | { readonly type: 'down'; readonly actor: ActorInfo; readonly why: Gone; readonly by: ActorRef | undefined }
  /** This actor has heard who else is there; `alone` when nobody was. */
  | { readonly type: 'joined'; readonly alone: boolean }
  /**
   * There is another arbiter than before, or it says something else of its side; `actor` is missing while there is none.
   * A `provisional` one sees less than half of what it saw before.
   */
  | {
      readonly type: 'arbiter'
      readonly term: number
      readonly actor: ActorInfo | undefined
      readonly self: boolean
      readonly provisional: boolean
    }
  /** This actor asks for votes to become the arbiter. */
  | { readonly type: 'stands'; readonly term: number }
  /**
   * Something keeps the votes of declared electors from being counted: `names` count those of another electorate
   * (`differs`), are too many (`crowded`), are there twice (`doubled`), or are waited for (`incomplete`).
   */
  | {
      readonly type: 'electorate'
      readonly problem: 'differs' | 'crowded' | 'doubled' | 'incomplete'
      readonly names: readonly string[]
    }
  /** `by` gets no answer from a root, or has given it up. */
  | { readonly type: 'suspected'; readonly peer: ActorRef; readonly by: ActorRef }
  /** A root that was suspected has shown that it lives. */
  | { readonly type: 'refuted'; readonly peer: ActorRef }
  /** Somebody took this actor for dead, which it has refuted. */
  | { readonly type: 'accused'; readonly by: ActorRef }
  /** A name that this actor claims is its own, with this fencing token. */
  | { readonly type: 'claimed'; readonly name: string; readonly term: number; readonly serial: number }
  /**
   * It is no longer: `holder` has a newer token (`fenced`), no arbiter has answered for a lease (`lease`), or this actor
   * gave it up (`released`).
   */
  | {
      readonly type: 'claimLost'
      readonly name: string
      readonly why: 'fenced' | 'lease' | 'released'
      readonly holder: ActorRef | undefined
    }
  /** The discovery stream to a neighbour is up, or its last one is gone. */
  | { readonly type: 'linkUp' | 'linkDown'; readonly peer: ActorRef }
  /** A peer sent what no actor of this version sends. */
  | { readonly type: 'breach'; readonly peer: ActorRef; readonly why: string }
  /** `by` keeps a member out of the mesh, or lets it back in. */
  | { readonly type: 'banned' | 'unbanned'; readonly peer: ActorRef; readonly by: ActorRef; readonly why: string }
  /** `by` has changed the secret of the mesh, for the `epoch`th time. */
  | { readonly type: 'rotated'; readonly epoch: number; readonly by: ActorRef }
  /** An address to join by was given up. */
  | { readonly type: 'seedLost'; readonly peer: ActorRef; readonly outcome: 'refused' | 'failed' }
  /** Another process lives with this actor's identity. */
  | { readonly type: 'conflict' }
)

/**
 * Everything that changes in the mesh as this actor learns of it, from now on. Leaving the loop ends it. A cancel point.
 *
 * @throws LimitExceeded when the consumer lags more than 10,000 events behind
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * for await (const event of discovery.events())
 *   if (event.type === 'down') console.log(`${event.actor.name} is gone: ${event.why}`)
 * ```
 */
export function events(): AsyncGenerator<DiscoveryEvent, never> {
  const discovery = currentDiscovery()
  return changesOf(discovery.scope, (push) => ({ unsubscribe: onDiscoveryEvent(discovery, push) }))
}

/** Everything that changes as an actor learns of it; gives the function that unlinks. */
export function onDiscoveryEvent(discovery: Discovery, listener: (event: DiscoveryEvent) => void): () => void {
  return discovery.onEvent((observed) => {
    const event = eventOf(observed, discovery.state)
    if (event !== undefined) listener(event)
  })
}

function eventOf(observed: Observation, { registry, election }: CoreState): DiscoveryEvent | undefined {
  const at = Date.now()
  const refOf = (id: string): ActorRef => ({ name: registry.kept(id)?.record.name ?? '', id })
  switch (observed.type) {
    case 'up':
    case 'updated':
      return { at, type: observed.type, actor: infoOf(observed.record) }
    case 'down': {
      const { record, why } = observed
      const by = why === 'dead' ? registry.tombstone(record.peerId)?.by : undefined
      return { at, type: 'down', actor: infoOf(record), why, by: by === undefined ? undefined : refOf(by) }
    }
    case 'joined':
      return { at, type: 'joined', alone: observed.alone }
    case 'arbiter': {
      const { token, self, provisional } = observed
      const record = token === null ? undefined : registry.get(token.peerId)
      return {
        at,
        type: 'arbiter',
        term: token?.term ?? election.term,
        actor: record && infoOf(record),
        self,
        provisional,
      }
    }
    case 'stands':
      return { at, type: 'stands', term: observed.term }
    case 'electorate':
      return { at, type: 'electorate', problem: observed.problem, names: observed.names }
    case 'suspected':
      return { at, type: 'suspected', peer: refOf(observed.peerId), by: refOf(observed.by) }
    case 'refuted':
      return { at, type: 'refuted', peer: refOf(observed.peerId) }
    case 'accused':
      return { at, type: 'accused', by: refOf(observed.by) }
    case 'claimed': {
      const { name, fence } = observed
      return { at, type: 'claimed', name, term: fence.term, serial: fence.serial }
    }
    case 'claimLost': {
      const { name, why, holder } = observed
      return { at, type: 'claimLost', name, why, holder: holder === null ? undefined : refOf(holder) }
    }
    case 'linkUp':
    case 'linkDown':
      return { at, type: observed.type, peer: refOf(observed.peerId) }
    case 'breach':
      return { at, type: 'breach', peer: refOf(observed.peerId), why: observed.why }
    case 'banned':
    case 'unbanned': {
      const { peer, name, by, why } = observed.ban
      return { at, type: observed.type, peer: { name, id: peer }, by, why }
    }
    case 'rotated':
      return { at, type: 'rotated', epoch: observed.epoch, by: observed.by }
    case 'seedLost':
      return { at, type: 'seedLost', peer: refOf(observed.peerId), outcome: observed.outcome }
    case 'conflict':
      return { at, type: 'conflict' }
    default:
      return undefined
  }
}
