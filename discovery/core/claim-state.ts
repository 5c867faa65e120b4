import type { Books, Claims } from './claim-messages.ts'
import type { Fence } from './fence.ts'
import type { Token } from './token.ts'

/** A name that this actor wants or holds. */
export interface OwnClaim {
  readonly id: number
  readonly name: string
  readonly since: number
  fence: Fence | undefined
  /** Who holds it instead, as far as the arbiter said. */
  holder: string | null | undefined
}

/** What an actor knows of its own claims, and of those that pass by it. */
export interface ClaimState {
  /** Incarnation at boot. */
  life: number
  /** Of the last `claims` that were sent. */
  round: number
  readonly own: Map<number, OwnClaim>
  /** By round: when it was sent. */
  readonly sentAt: Map<number, number>
  /** When the latest acknowledged round was sent: a lease counts from here. */
  ackedAt: number
  /** Who acknowledged it. */
  ackedBy: Token | undefined
  /** By actor and life: the neighbour that its claims came from. */
  readonly routes: Map<string, Route>
  /** The last claims of each actor that could not be passed on for want of a link to the arbiter. */
  readonly undelivered: Map<string, Claims>
  /** When claims were passed on, or would have been, to an arbiter elsewhere. */
  passedAt: number
  office: Office | undefined
  /** What a leaving arbiter has handed over. */
  inherited: Books | undefined
  /** Others were said to be there and did not answer: they may have an arbiter that this actor knows nothing of. */
  cautious: boolean
}

/** The way back to an actor whose claims passed by. */
interface Route {
  readonly actor: string
  readonly life: number
  readonly via: string
}

/** One claim as the arbiter knows it. */
export interface Claimant {
  readonly id: number
  readonly name: string
  readonly party: Party
  /** When it began to wait, on the arbiter's clock. */
  readonly since: number
  fence: Fence | undefined
  /** Why it gets nothing any more. */
  over: 'lost' | 'claims' | 'claimLine' | undefined
}

/** An actor with claims as the arbiter knows it. */
export interface Party {
  readonly key: string
  readonly actor: string
  readonly life: number
  /** The neighbour, or the arbiter itself, by which it is reached. */
  via: string
  round: number
  heardAt: number
  readonly claims: Map<number, Claimant>
}

/** Who has a name and who waits for it. */
export interface Entry {
  holder: Claimant | undefined
  /** Who has waited longest comes first. */
  readonly line: Claimant[]
}

/** The books of an arbiter. */
export interface Office {
  token: Token
  /** From when on free names are granted. */
  readonly openAt: number
  /** From when on whoever ruled before has certainly stopped what it did as an arbiter. */
  readonly clearAt: number
  serial: number
  readonly parties: Map<string, Party>
  readonly names: Map<string, Entry>
  /** How many claims there are. */
  size: number
}

export function newClaimState(): ClaimState {
  return {
    life: 0,
    round: 0,
    own: new Map(),
    sentAt: new Map(),
    ackedAt: -Infinity,
    ackedBy: undefined,
    routes: new Map(),
    undelivered: new Map(),
    passedAt: -Infinity,
    office: undefined,
    inherited: undefined,
    cautious: false,
  }
}

/** One life of an actor, as a key. */
export function lifeKey(actor: string, life: number): string {
  return `${actor}/${life}`
}
