import type { Known } from './fact.ts'
import type { Message } from './messages.ts'
import type { KeptVotes } from './quorum.ts'

/** Names of the core's timers: each is set at most once, so that there are never more than these. */
export type TimerName =
  | 'batch'
  | 'sync'
  | 'join'
  | 'links'
  | 'probe'
  | 'suspicion'
  | 'election'
  | 'ballot'
  | 'beat'
  | 'lease'
  | 'claims'
  | 'office'

/**
 * How a dial ended: `refused` means that nobody, or somebody else, listens there; `failed` is anything less certain.
 */
export type DialOutcome = 'reached' | 'refused' | 'failed'

/** Where an actor may be reached that is not in the registry yet. */
export interface PeerHint {
  readonly peerId: string
  readonly addrs: readonly string[]
  /** Dial at once whatever the order of peer ids: it does not know of us and will not dial. */
  readonly eager?: boolean
}

/** What happens to a core. */
export type Input =
  /**
   * The first input: this actor's own signed record. `expectPeers`: wait for a first sync before electing. `votes`:
   * what an earlier process of this elector kept. `resumed`: an earlier process may have had the same peer id.
   */
  | {
      readonly type: 'start'
      readonly own: Known
      readonly expectPeers?: boolean
      readonly votes?: KeptVotes | undefined
      readonly resumed?: boolean | undefined
    }
  /** The own record, signed as a `sign` effect asked. */
  | { readonly type: 'own'; readonly own: Known }
  /** The content of the own record (addresses, modules, metadata) has changed: sign it anew. */
  | { readonly type: 'changed' }
  /** Addresses from the rendezvous, an invitation or the parent. */
  | { readonly type: 'peers'; readonly peers: readonly PeerHint[] }
  /** The discovery stream to a neighbour is up, whoever dialled. */
  | { readonly type: 'connected'; readonly peerId: string }
  /** A neighbour is now known to hear gossip: what was published before did not reach it. */
  | { readonly type: 'subscribed'; readonly peerId: string }
  /** The last connection to a neighbour closed. */
  | { readonly type: 'disconnected'; readonly peerId: string }
  /** The end of a dial that a `dial` effect asked for. */
  | { readonly type: 'dialled'; readonly peerId: string; readonly outcome: DialOutcome }
  /** A lookup or a call could not reach an actor. */
  | { readonly type: 'lookupFailed'; readonly peerId: string }
  /** A child process of this actor is gone; how does not matter. */
  | { readonly type: 'childExited'; readonly peerId: string }
  /** These are banned, and nobody else any more. */
  | { readonly type: 'banned'; readonly peerIds: readonly string[] }
  /** This actor wants a name; `id` is new. */
  | { readonly type: 'claim'; readonly id: number; readonly name: string }
  /** It gives claims up; all of them when `ids` is left out. */
  | { readonly type: 'unclaim'; readonly ids?: readonly number[] }
  /** A parsed message; `from` is the authenticated neighbour that sent it or, for gossip, passed it on. */
  | { readonly type: 'message'; readonly from: string; readonly via: 'stream' | 'gossip'; readonly message: Message }
  /** A timer has run out. Early, late and stale ones do no harm. */
  | { readonly type: 'timer'; readonly name: TimerName }
  /** What a `persist` effect asked for is on disk. */
  | { readonly type: 'persisted'; readonly id: number }
  /** It could not be written. */
  | { readonly type: 'persistFailed'; readonly id: number }
  /** This actor goes away by its own will. */
  | { readonly type: 'leave' }
