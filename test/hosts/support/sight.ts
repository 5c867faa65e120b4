import type { StartMethod } from '../../../index.ts'
import type { Talk } from './talk.ts'

/** What a member sees at one moment; times are milliseconds of the machine's monotonic clock. */
export interface Sight {
  readonly at: number
  readonly actors: readonly SeenActor[]
  readonly arbiter: { readonly id: string; readonly term: number } | null
  readonly digest: string
  /** Discovery streams that are up. */
  readonly neighbours: number
  readonly reigns: readonly ReignSpan[]
  /** What it has sent to its neighbours so far. */
  readonly talk: Talk
}

interface SeenActor {
  readonly id: string
  readonly name: string
}

/** A time for which a member held a valid lease. */
export interface ReignSpan {
  readonly term: number
  readonly from: number
  readonly until: number
}

/** The end of an actor, or its appearance, as a member heard of it. */
export interface Heard {
  readonly type: 'up' | 'down'
  readonly id: string
  readonly at: number
}

/** What a test asks a member. */
export type Question =
  | { readonly ask: 'sight' }
  /** Looks a name up, and calls what it finds. */
  | { readonly ask: 'find'; readonly name: string }
  /** Calls what never answers, and tells with which error that ends. */
  | { readonly ask: 'call'; readonly name: string }
  | { readonly ask: 'wait'; readonly name: string; readonly ms: number }
  | { readonly ask: 'start'; readonly name: string; readonly startMethod: StartMethod; readonly on?: string }
  /** Makes an invitation. */
  | { readonly ask: 'invite' }
  | { readonly ask: 'leave' }

/** Who was found, and who answered the call. */
export interface Found {
  readonly id: string | undefined
  readonly answer: string | undefined
}

export interface Started {
  readonly id: string
  readonly pid: number
  readonly at: number
}

/** From a member: the answer to a question, or what it heard by itself. */
export type Said =
  | {
      readonly type: 'ready'
      readonly id: string
      readonly addresses: readonly string[]
      /** Peer ids of the actors that it was planned to have. */
      readonly actors: readonly string[]
    }
  | { readonly type: 'heard'; readonly heard: Heard }
  | { readonly type: 'answer'; readonly to: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly to: number; readonly error: string }

/** How a member is started, as JSON in its one argument. */
export interface MemberPlan {
  readonly name: string
  readonly mesh: string
  readonly actors: readonly string[]
  readonly startMethod: StartMethod
  /** Whether it starts actors for others. */
  readonly allowSpawn: boolean
  readonly profile: 'loopback' | 'lan'
  readonly identity: 'fresh' | 'kept'
  readonly listen: readonly string[] | undefined
  readonly join: readonly string[]
  /** Names of the declared electors; undefined for an elastic mesh. */
  readonly quorum: readonly string[] | undefined
  /** What else it is started with, as `run` takes it. */
  readonly also: Readonly<Record<string, unknown>>
  /** Where an elector keeps its votes. */
  readonly stateDir: string
}

/** The machine's monotonic clock, which all processes of it share, in milliseconds. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
