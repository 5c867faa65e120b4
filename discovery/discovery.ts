import type { CancelScope } from '../node/cancel-scope.ts'
import { GreenroomError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import type { Identity } from '../node/identity.ts'
import { PerActor } from '../node/per-actor.ts'
import type { Target } from '../rpc/caller.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { PeerHint } from './core/input.ts'
import type { CoreState } from './core/state.ts'
import type { Refusals } from './intake.ts'
import type { Observation } from './observation.ts'
import type { OwnMetadata } from './own-metadata.ts'
import type { Profile } from './profile.ts'
import type { Reigns } from './reigns.ts'
import type { Rendezvous } from './rendezvous.ts'
import type { DiscoveryTraffic } from './traffic.ts'
import type { VoteFile } from './vote-file.ts'

export interface DiscoveryOptions {
  readonly host: Host
  readonly identity: Identity
  readonly rpc: Rpc
  /** The actor's. */
  readonly scope: CancelScope
  readonly self: Target
  /** Peer id of the tree's top actor: this one's own for a root. */
  readonly root: string
  readonly mesh: string
  readonly parent?: Target | undefined
  /** Incarnation of the parent: a child's is never lower. */
  readonly parentInc?: number | undefined
  readonly modules: readonly string[]
  readonly metadata: OwnMetadata
  readonly profile: Profile
  readonly rendezvous?: Rendezvous | undefined
  /** The declared electorate: names of electors, or how many; default elastic. */
  readonly quorum?: readonly string[] | number | undefined
  /** A root's own, in a declared electorate. */
  readonly votes?: VoteFile | undefined
  /** Called before anything happens. */
  readonly onCreated?: (discovery: Discovery) => void
  /** Roots elsewhere that were named beforehand; this actor itself may be among them. */
  readonly join?: readonly PeerHint[] | undefined
}

/** The discovery layer of one actor: the pure core with libp2p, timers and the rendezvous around it. */
export interface Discovery {
  readonly self: Target
  readonly rpc: Rpc
  readonly mesh: string
  /** Peer id of the top actor of this tree. */
  readonly root: string
  /** The actor's: what waits for others ends with it, also in a scope that is older than the actor. */
  readonly scope: CancelScope
  /** Incarnation of this actor. */
  readonly inc: number
  /** The core's state, to read from. */
  readonly state: CoreState
  /** What others sent and this actor refused, counted. */
  readonly refusals: Refusals
  /** What has gone over gossip and over the streams to neighbours. */
  readonly traffic: DiscoveryTraffic
  /** Who has ruled, as far as this actor knows. */
  readonly reigns: Reigns
  /** What this actor says of itself. */
  readonly metadata: OwnMetadata
  /** The clock that the core lives by, in milliseconds: ask the core with no other one. */
  now(): number
  /** Resolves when the registry of a parent, or of another root, was taken over, or nobody else is there. */
  joined(): Promise<void>
  /** Hears everything that happens; gives the function that unlinks. */
  onEvent(listener: (event: Observation) => void): () => void
  /** A look-up's dial failed: the entry leaves the registry unless its owner refutes that. */
  lookupFailed(peerId: string): void
  /** These peers are banned, and nobody else any more: they and what is below them are gone. */
  ban(peerIds: readonly string[]): void
  /** Lets the listeners hear of something that others of this layer have seen. */
  report(event: Observation): void
  /** Addresses of roots that may not be known yet. */
  hint(peers: readonly PeerHint[]): void
  /** This actor is reached at other addresses from now on, the best first: says so in its record and in the rendezvous. */
  moved(addresses: readonly string[]): Promise<void>
  /** This process's child is gone: nobody else knows as early. */
  childEnded(peerId: string): void
  /** Begins to want a name, with a new id; events tell what becomes of it. */
  claim(id: number, name: string): void
  /** Gives a claim up. */
  unclaim(id: number): void
  /** Says goodbye. */
  leave(): void
  close(): Promise<void>
}

const discoveries = new PerActor<Discovery>()

/** @throws GreenroomError `NO_ACTOR` when this process is no actor */
export function currentDiscovery(): Discovery {
  const { current } = discoveries
  if (current === undefined)
    throw new GreenroomError(
      'NO_ACTOR',
      'no actor is running in this process: call it inside run() or after joinMesh()',
    )
  return current
}

/** Makes it that of the actor of its scope; gives the function that takes it back. */
export function makeCurrent(discovery: Discovery): () => void {
  return discoveries.set(discovery, discovery.scope)
}
