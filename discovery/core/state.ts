import type { Profile } from '../profile.ts'
import type { ActorRecord, ActorStatus } from '../record.ts'
import { newClaimState } from './claim-state.ts'
import type { ClaimState } from './claim-state.ts'
import type { Effect, Event } from './effect.ts'
import { newElection, newElector } from './election-state.ts'
import type { Election, Elector } from './election-state.ts'
import type { Digest, Fact, Known } from './fact.ts'
import type { TimerName } from './input.ts'
import { createLiveness } from './liveness.ts'
import type { Liveness } from './liveness.ts'
import { coreLimits } from './limits.ts'
import type { CoreLimits } from './limits.ts'
import type { Members } from './members.ts'
import type { Message } from './messages.ts'
import type { Quorum } from './quorum.ts'
import { Registry } from './registry.ts'
import type { Token } from './token.ts'
import type { Version } from './version.ts'

/** What a core is made with. */
export interface CoreOptions {
  readonly profile: Profile
  /** The declared electorate; default elastic. */
  readonly quorum?: Quorum | undefined
  /** Lower bounds than `coreLimits`, for tests. */
  readonly limits?: Partial<CoreLimits>
  /** What the registry knows from the beginning; nothing when left out. */
  readonly members?: Members | undefined
}

/** A neighbour whose discovery stream is up. */
export interface Link {
  /** The address told from outside by which it was found, until its record is known. */
  readonly seed: readonly string[] | undefined
  /** How its registry and the own one differed when it last told its digest. */
  differs: Differing | undefined
  /** Nothing is pulled from it before that time. */
  pullAt: number
  /** Pulls in a row that changed nothing. */
  futile: number
  /** Until when what it got of this registry keeps to its rate. */
  toldUntil: number
  /** Since when nobody needs this link; undefined while somebody does. */
  idleSince: number | undefined
  /** Probes in a row that were answered on the way over others, but not on this link. */
  deaf: number
}

/** Two digests that differ: `since` when just so, `first` since when at all. */
interface Differing {
  readonly own: Digest
  readonly theirs: Digest
  readonly since: number
  readonly first: number
}

/** What is being fetched from a neighbour. */
export interface Pull {
  readonly link: Link
  /** Of the neighbour's registry, as far as it is known. */
  readonly digest: Digest
  /** Everything before it has been compared. */
  position: number
  /** When it is given up, unless a page comes. */
  deadline: number
  answered: boolean
  pages: number
  /** It has changed something on either side. */
  news: boolean
  /** The versions in the page that is coming in, by peer id. */
  readonly theirs: Map<string, string>
}

/** An actor that should be a neighbour and is not. */
export interface Dial {
  readonly peerId: string
  addrs: readonly string[]
  /** The life that the addresses belong to; undefined for an address told from outside. */
  inc: number | undefined
  nextAt: number
  /** While a dial is under way: when it is given up. */
  deadline: number | undefined
  /** A closed connection is being verified: not paced, and without a back-off. */
  urgent: boolean
  refusals: number
  failures: number
  /** The addresses changed while a dial was under way, whose end then says nothing. */
  outdated: boolean
  /** A look-up or a call did not get through: dialled once, whether it is a neighbour or not. */
  verify: boolean
}

/** The addresses of a root that was declared dead. */
interface Lost {
  readonly addrs: readonly string[]
  readonly until: number
  refusals: number
}

/** Changes that wait to be told together. */
interface Outbox {
  /** By subject: to everybody, by gossip. */
  readonly mesh: Map<string, Fact>
  /** By subject: to this actor's children, on their streams. */
  readonly children: Map<string, Fact>
  /** By subject: to this actor's parent, on its stream. */
  readonly parent: Map<string, Fact>
  claimToMesh: boolean
  claimToChildren: boolean
}

/** Counters for whoever looks at a core. */
interface Counters {
  refutations: number
  verdicts: number
  /** Own verdicts that their owners refuted: they were wrong. */
  falseVerdicts: number
  /** Own suspicions, and how many of them their owners refuted. */
  suspicions: number
  falseSuspicions: number
  /** Own probes that were sent, answered directly or over others, and missed. */
  probes: number
  acks: number
  missed: number
  /** Times at which this process noticed that it had been stopped or too busy. */
  lags: number
  syncs: number
  /** Exchanges that were begun because registries differed. */
  pulls: number
  /** Questions that were put off, because enough was answered lately. */
  busy: number
  /** Accusations of lives that cannot be. */
  incredible: number
  dropped: number
  elections: number
  /** Terms too far above the own one to be believed. */
  absurdTerms: number
  /** Votes, acknowledgements and candidacies of actors that are no electors, or of another electorate. */
  foreignVotes: number
}

/** The whole state of one actor's discovery. Made by `createCore`, changed by `step` alone. */
export interface CoreState {
  readonly profile: Profile
  readonly limits: CoreLimits
  readonly quorum: Quorum | undefined
  /** Only while an electorate is declared. */
  readonly elector: Elector | undefined
  readonly registry: Registry
  own: Known | undefined
  /** The version and status that a `sign` effect asked for and that has not come back yet. */
  signing: (Version & { readonly status: ActorStatus }) | undefined
  reclaims: number
  leaving: boolean
  joined: boolean
  /** When a root that waits for its first sync goes on alone; Infinity for a child, which cannot. */
  joinBy: number
  /** Where the parent was said to be. */
  parentAddrs: readonly string[]
  /** How often the parent's stream has come up. */
  parentLinks: number
  readonly links: Map<string, Link>
  /** By neighbour. */
  readonly pulls: Map<string, Pull>
  /** The position from which the next pull goes on, after one that a busy neighbour ended. */
  pullFrom: number
  /** Until when what all neighbours together got of this registry keeps to its rate. */
  toldUntil: number
  readonly dials: Map<string, Dial>
  /** Addresses told from outside of roots whose records say others. */
  readonly hints: Map<string, readonly string[]>
  readonly lost: Map<string, Lost>
  /** When some of the lost are dialled next. */
  lostAt: number
  /** When links are looked through for those that nobody needs. */
  trimAt: number
  readonly liveness: Liveness
  /** Peers of which, and of what is below which, nothing is heard. */
  banned: ReadonlySet<string>
  /** Children that are gone, whatever is still said of them. */
  readonly exited: Set<string>
  readonly outbox: Outbox
  readonly election: Election
  readonly claims: ClaimState
  readonly timers: Map<TimerName, number>
  /** The arbiter that was last emitted. */
  arbiter: Token | null
  /** What that one last said of its side. */
  provisional: boolean
  readonly counters: Counters
}

/** One `step` under way. */
export interface Turn {
  readonly state: CoreState
  readonly now: number
  readonly rng: () => number
  readonly effects: Effect[]
  /** Roots, links or the own standing have changed: dials and election are to be looked at again. */
  review: boolean
}

/** Makes a core that waits for its `start`. */
export function createCore({ profile, limits: lower, quorum, members }: CoreOptions): CoreState {
  const limits = { ...coreLimits, ...lower }
  return {
    profile,
    limits,
    quorum,
    elector: quorum === undefined ? undefined : newElector(quorum),
    registry: new Registry(profile, limits, members),
    own: undefined,
    signing: undefined,
    reclaims: 0,
    leaving: false,
    joined: false,
    joinBy: Infinity,
    parentAddrs: [],
    parentLinks: 0,
    links: new Map(),
    pulls: new Map(),
    pullFrom: 0,
    toldUntil: 0,
    dials: new Map(),
    hints: new Map(),
    lost: new Map(),
    lostAt: Infinity,
    trimAt: -Infinity,
    liveness: createLiveness(),
    banned: new Set(),
    exited: new Set(),
    outbox: { mesh: new Map(), children: new Map(), parent: new Map(), claimToMesh: false, claimToChildren: false },
    election: newElection(),
    claims: newClaimState(),
    timers: new Map(),
    arbiter: null,
    provisional: false,
    counters: {
      refutations: 0,
      verdicts: 0,
      falseVerdicts: 0,
      suspicions: 0,
      falseSuspicions: 0,
      probes: 0,
      acks: 0,
      missed: 0,
      lags: 0,
      syncs: 0,
      pulls: 0,
      busy: 0,
      incredible: 0,
      dropped: 0,
      elections: 0,
      absurdTerms: 0,
      foreignVotes: 0,
    },
  }
}

/** This actor's own record. */
export function ownRecord(state: CoreState): ActorRecord {
  if (state.own === undefined) throw new TypeError("the core's first input must be 'start'")
  return state.own.record
}

/** A neighbour of which nothing is known yet but where it was found. */
export function newLink(seed: Link['seed']): Link {
  return { seed, differs: undefined, pullAt: -Infinity, futile: 0, toldUntil: -Infinity, idleSince: undefined, deaf: 0 }
}

/** Asks for a message to a neighbour; without a link there is nobody to hear it. */
export function send({ state, effects }: Turn, to: string, message: Message): void {
  if (state.links.has(to)) effects.push({ type: 'send', to, message })
}

/** Gives a link up; the connection below it may stay, for calls, unless it carries nothing any more. */
export function dropLink({ state, effects }: Turn, peerId: string, deaf = false): void {
  if (state.links.delete(peerId)) effects.push({ type: 'drop', peerId, deaf })
}

/** Tells the users of the layer. */
export function emit({ effects }: Turn, event: Event): void {
  effects.push({ type: 'emit', event })
}

/** Sets a timer, unless it is set to that time already. */
export function arm({ state, effects }: Turn, name: TimerName, at: number): void {
  if (state.timers.get(name) === at) return
  state.timers.set(name, at)
  effects.push({ type: 'setTimer', name, at })
}

/** Clears a timer that is set. */
export function disarm({ state, effects }: Turn, name: TimerName): void {
  if (state.timers.delete(name)) effects.push({ type: 'clearTimer', name })
}
