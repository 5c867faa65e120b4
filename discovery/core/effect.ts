import type { ActorRecord, ActorStatus } from '../record.ts'
import type { TimerName } from './input.ts'
import type { Facts, Message } from './messages.ts'
import type { KeptVotes } from './quorum.ts'
import type { Change } from './change.ts'
import type { Fence } from './fence.ts'
import type { ClaimLimit } from './claim-messages.ts'
import type { Token } from './token.ts'

/** What the shell is asked to do, in this order. */
export type Effect =
  /** Send on the discovery stream to a neighbour; dropped when there is none. */
  | { readonly type: 'send'; readonly to: string; readonly message: Message }
  /** Publish by gossip to the whole mesh. */
  | { readonly type: 'publish'; readonly message: Facts }
  /**
   * Close the discovery stream to a neighbour that is none any more; not the connection, over which calls may run, unless
   * it is `deaf`: nothing comes back over it.
   */
  | { readonly type: 'drop'; readonly peerId: string; readonly deaf: boolean }
  /** Dial within so many milliseconds and answer with `dialled`; a connection that is up already is `reached`. */
  | { readonly type: 'dial'; readonly peerId: string; readonly addrs: readonly string[]; readonly within: number }
  /** Give a `timer` input at this time of the clock that `now` is read from; replaces the timer of the same name. */
  | { readonly type: 'setTimer'; readonly name: TimerName; readonly at: number }
  | { readonly type: 'clearTimer'; readonly name: TimerName }
  /** Sign the own record with this version and status and its present content, and answer with `own`. */
  | {
      readonly type: 'sign'
      readonly inc: number
      readonly rev: number
      readonly seq: number
      readonly status: ActorStatus
    }
  /**
   * Write this to disk, replacing what was there, and answer with `persisted` once it would survive a crash of the
   * machine, or with `persistFailed`. One at a time.
   */
  | { readonly type: 'persist'; readonly id: number; readonly votes: KeptVotes }
  | { readonly type: 'emit'; readonly event: Event }

/**
 * `differs`: these roots count the votes of another electorate. `crowded`: these are more electors than were declared.
 * `doubled`: two live roots have this elector's name. `incomplete`: a new electorate waits for these (none named: for
 * any).
 */
export type ElectorateProblem = 'differs' | 'crowded' | 'doubled' | 'incomplete'

/** How a claim ended. */
export type ClaimLoss = 'fenced' | 'lease' | 'released'

/** What the users of the discovery layer learn. */
export type Event =
  | Change
  /** The first sync is complete; `alone` when nobody was there to sync with. */
  | { readonly type: 'joined'; readonly alone: boolean }
  /**
   * The arbiter as far as this actor knows, or null while there is none; `self` when it is this actor, `provisional`
   * when it says that it sees less than half of what it saw before.
   */
  | { readonly type: 'arbiter'; readonly token: Token | null; readonly self: boolean; readonly provisional: boolean }
  /** Something about the declared electorate keeps votes from being counted. */
  | { readonly type: 'electorate'; readonly problem: ElectorateProblem; readonly names: readonly string[] }
  /** A claimed name is this actor's. */
  | { readonly type: 'claimed'; readonly id: number; readonly name: string; readonly fence: Fence }
  /** It waits, for a holder or, with null, for an arbiter that knows whether there is one. */
  | { readonly type: 'claimWaits'; readonly id: number; readonly holder: string | null }
  /**
   * It is no longer this actor's: another one has a higher fence, no arbiter has answered for a lease, or it gave the
   * name up itself.
   */
  | {
      readonly type: 'claimLost'
      readonly id: number
      readonly name: string
      readonly why: ClaimLoss
      readonly holder: string | null
    }
  | { readonly type: 'claimRefused'; readonly id: number; readonly limit: ClaimLimit }
  /** The last word of a leaving actor is on its way: its streams may be closed. */
  | { readonly type: 'left' }
  /** Somebody gets no answer from a root, or has given it up, and it has not refuted that yet. */
  | { readonly type: 'suspected'; readonly peerId: string; readonly by: string }
  /** A root that was suspected has shown that it lives. */
  | { readonly type: 'refuted'; readonly peerId: string }
  /** This actor asks for votes to become the arbiter. */
  | { readonly type: 'stands'; readonly term: number }
  /** Somebody called this live actor dead; it has refuted that. */
  | { readonly type: 'accused'; readonly by: string }
  /** Another process lives with this actor's identity and would not yield. */
  | { readonly type: 'conflict'; readonly record: ActorRecord | undefined }
  /** An address to join by was given up. */
  | { readonly type: 'seedLost'; readonly peerId: string; readonly outcome: 'refused' | 'failed' }
