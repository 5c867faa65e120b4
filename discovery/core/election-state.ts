import type { RollEntry } from './election-messages.ts'
import type { KeptVotes, Quorum } from './quorum.ts'
import type { Claim, Token } from './token.ts'

/** A candidacy; its committee is fixed when it begins. */
export interface Candidacy {
  phase: 'asking' | 'standing'
  readonly term: number
  /** Seats: peer ids of an elastic committee, names of declared electors. */
  readonly committee: readonly string[]
  readonly granted: Set<string>
  readonly refused: Set<string>
  /** When the votes were asked for: a won lease counts from here. */
  sentAt: number
}

/** An arbiter's own view of its office. */
export interface Reign {
  readonly token: Token
  /** The committee whose majority carries the lease: the one that elected, later one that has acknowledged. */
  committee: readonly string[]
  /** The committee as the registry shows it now, when it is another; `since` when. */
  coming: { readonly committee: readonly string[]; readonly since: number } | undefined
  /** Since when the registry has shown another committee than the confirmed one. */
  unsettledSince: number | undefined
  beat: number
  readonly sentAt: Map<number, number>
  /** By committee member: the send time of the last beat that it acknowledged. */
  readonly acked: Map<string, number>
  leaseUntil: number
}

/** What another elector said since the start of this life. */
interface Heard extends RollEntry {
  readonly peerId: string
}

/** What is on its way to the disk, and what is to be done when it is there. */
export interface Keeping {
  readonly id: number
  readonly votes: KeptVotes
  readonly next:
    | { readonly do: 'agree' | 'settle' }
    | { readonly do: 'stand'; readonly candidacy: Candidacy }
    | { readonly do: 'vote'; readonly to: string; readonly term: number }
}

/** What a root knows of its place in a declared electorate. */
export interface Elector {
  /** The names of the electors as this root has agreed to them, or learnt that they are without it. */
  roll: readonly string[] | undefined
  settled: boolean
  /** The highest term that an earlier life may have voted in. */
  floor: number
  /** Not to vote before that time: what an earlier process promised is not known any more. */
  awakeAt: number
  /** By name: answers to this life's roll call, until it is settled. */
  readonly heard: Map<string, Heard>
  /** Peers that were asked since the last round. */
  readonly asked: Set<string>
  /** What is on disk. */
  kept: KeptVotes | undefined
  keeping: Keeping | undefined
  writes: number
  /** The problem that was told last, so that it is told once. */
  told: string
}

/** The size of this side of the mesh, to tell a part of it from the whole. */
interface View {
  /** Roots of the last view that stood, those that left by their own will taken away. */
  stable: number
  /** When a root was last lost without its own will. */
  lostAt: number
  /** The least roots seen in the present window of time, and in the one before. */
  least: number
  leastBefore: number
  windowAt: number
}

/** What an actor knows of the election. */
export interface Election {
  /** The highest term seen. */
  term: number
  /** How far the words of others may raise it until `until`. */
  readonly ceiling: { term: number; until: number; pressed: boolean }
  /** The one vote of the highest term voted in. */
  voted: { readonly term: number; readonly candidate: string; readonly inc: number } | undefined
  /** The highest claim accepted. */
  claim: Claim | undefined
  /** Not to vote for another before that time. */
  promise: { readonly to: string; readonly term: number; readonly until: number } | undefined
  /** The arbiter of the claim was heard of lately: not to stand against it before that time. */
  quietUntil: number
  /** Not to vote, nor to acknowledge, before that time. */
  awakeAt: number
  candidacy: Candidacy | undefined
  reign: Reign | undefined
  /** A higher claim of the smaller part of a mesh that meets again: not followed before `until`. */
  rival: { readonly claim: Claim; readonly until: number } | undefined
  /** Whom a leaving arbiter hands its office to, with its last word. */
  successor: { readonly peerId: string; readonly token: Token } | undefined
  readonly view: View
  /** Roots of another electorate that were told about. */
  readonly strangers: Set<string>
}

/** An actor that knows nothing of any election. */
export function newElection(): Election {
  return {
    term: 0,
    ceiling: { term: 0, until: -Infinity, pressed: false },
    voted: undefined,
    claim: undefined,
    promise: undefined,
    quietUntil: -Infinity,
    awakeAt: -Infinity,
    candidacy: undefined,
    reign: undefined,
    rival: undefined,
    successor: undefined,
    view: { stable: 0, lostAt: -Infinity, least: 0, leastBefore: 0, windowAt: -Infinity },
    strangers: new Set(),
  }
}

/** A root of a declared electorate that has heard of nobody. */
export function newElector({ electors }: Quorum): Elector {
  return {
    roll: electors,
    settled: false,
    floor: 0,
    awakeAt: -Infinity,
    heard: new Map(),
    asked: new Set(),
    kept: undefined,
    keeping: undefined,
    writes: 0,
    told: '',
  }
}
