import { show } from '../show.ts'
import type { Claim, Standing, Token } from './token.ts'
import { BadMessage, encodeToken, readFlag, readNumber, readPeerId, readToken } from './wire-fields.ts'
import { MAX_ELECTORS } from './quorum.ts'

/** "Would you vote for me in this term?" Changes nothing at the voter (Raft's PreVote). */
export interface PreVote {
  readonly type: 'prevote'
  readonly term: number
  readonly inc: number
  /** Who counts: votes of another electorate are refused. Missing for the elastic one, here and below. */
  readonly electorate?: string
}

/** "Vote for me in this term." */
export interface Vote {
  readonly type: 'vote'
  readonly term: number
  readonly inc: number
  readonly electorate?: string
  /** What the candidate knows of the former arbiter: that it gave up, mostly. */
  readonly claim: Claim | null
}

/** The answer to `prevote` and `vote`: `term` is the one asked for, `seen` the highest that the voter knows. */
export interface Ballot {
  readonly type: 'prevoted' | 'voted'
  readonly term: number
  readonly granted: boolean
  readonly seen: number
  readonly electorate?: string
  readonly claim: Claim | null
}

/** The arbiter's sign of life to its committee. */
export interface Beat {
  readonly type: 'beat'
  readonly token: Token
  readonly beat: number
  readonly electorate?: string
  readonly standing?: Standing
}

/** The acknowledgement of a beat: a promise not to vote for another for the length of a lease. */
export interface Beaten {
  readonly type: 'beaten'
  readonly token: Token
  readonly beat: number
}

/** "What you promised me for this term no longer binds you." */
export interface Release {
  readonly type: 'release'
  readonly term: number
}

/** "I leave: stand at once, without a PreVote" (Raft's TimeoutNow). */
export interface Handover {
  readonly type: 'handover'
  readonly token: Token
  readonly electorate?: string
}

/** Which electors one counts, and the highest term that it knows. */
export interface RollEntry {
  /** Names of the electors, or null while this one has not agreed on them. */
  readonly roll: readonly string[] | null
  readonly settled: boolean
  readonly term: number
}

/** "Who are you in the electorate?" of an elector that cannot know whether it has voted before; and who it is. */
export interface RollCall extends RollEntry {
  readonly type: 'rollcall'
  readonly electorate?: string
  /** The life that asks: answers to an earlier one are worth nothing. */
  readonly inc: number
}

/** The answer to `rollcall`. */
export interface Roll extends RollEntry {
  readonly type: 'roll'
  readonly electorate?: string
  readonly inc: number
}

/** What cores say to each other about the election. */
export type ElectionMessage = PreVote | Vote | Ballot | Beat | Beaten | Release | Handover | RollCall | Roll

/** The plain value that stands for an election's message on the wire. */
export function encodeElection(message: ElectionMessage): unknown {
  switch (message.type) {
    case 'vote':
    case 'prevoted':
    case 'voted':
      return { ...message, claim: encodeClaim(message.claim) }
    case 'beat':
    case 'beaten':
    case 'handover':
      return { ...message, token: encodeToken(message.token) }
    default:
      return { ...message }
  }
}

/** Reads the fields of an election's message; undefined when the type is none of them. @throws BadMessage */
export function parseElection(type: unknown, fields: Record<string, unknown>): ElectionMessage | undefined {
  const term = (): number => readNumber('term', fields['term'])
  const inc = (): number => readNumber('inc', fields['inc'])
  const claim = (): Claim | null => readClaim(fields['claim'])
  const token = (): Token => readToken(fields['token'])
  const electorate = readElectorate(fields['electorate'])
  switch (type) {
    case 'prevote':
      return { type, term: term(), inc: inc(), ...electorate }
    case 'vote':
      return { type, term: term(), inc: inc(), ...electorate, claim: claim() }
    case 'prevoted':
    case 'voted': {
      const granted = readFlag('granted', fields['granted'])
      return { type, term: term(), granted, seen: readNumber('seen', fields['seen']), ...electorate, claim: claim() }
    }
    case 'beat': {
      const standing = fields['standing'] as Partial<Standing> | undefined
      const { rev, weight, provisional } = standing ?? {}
      const beat = readNumber('beat', fields['beat'])
      return { type, token: token(), beat, ...electorate, ...readStanding(rev, weight, provisional) }
    }
    case 'beaten':
      return { type, token: token(), beat: readNumber('beat', fields['beat']) }
    case 'release':
      return { type, term: term() }
    case 'handover':
      return { type, token: token(), ...electorate }
    case 'rollcall':
    case 'roll': {
      const roll = readRoll(fields['roll'])
      return { type, inc: inc(), roll, settled: readFlag('settled', fields['settled']), term: term(), ...electorate }
    }
    default:
      return undefined
  }
}

/** A claim as a list; what an elastic claim at its beginning has by default is left out. */
export function encodeClaim(claim: Claim | null): unknown {
  if (claim === null) return null
  const { token, held, electorate, standing } = claim
  const list = [...encodeToken(token), held]
  if (electorate !== undefined || standing !== undefined) list.push(electorate ?? null)
  if (standing !== undefined) list.push(standing.rev, standing.weight, standing.provisional)
  return list
}

/** Reads a claim. @throws BadMessage */
export function readClaim(value: unknown): Claim | null {
  if (value === null || value === undefined) return null
  const token = readToken(value)
  const [, , , held, electorate, rev, weight, provisional] = value as unknown[]
  return {
    token,
    held: readFlag('held', held),
    ...readElectorate(electorate),
    ...readStanding(rev, weight, provisional),
  }
}

function readStanding(rev: unknown, weight: unknown, provisional: unknown): { standing?: Standing } {
  if (rev === undefined || rev === null) return {}
  return {
    standing: {
      rev: readNumber('rev', rev),
      weight: readNumber('weight', weight),
      provisional: readFlag('provisional', provisional),
    },
  }
}

function readElectorate(value: unknown): { electorate?: string } {
  return value === undefined || value === null ? {} : { electorate: readPeerId('electorate', value) }
}

const MAX_NAME_CHARACTERS = 256

function readRoll(value: unknown): readonly string[] | null {
  if (value === null) return null
  if (!Array.isArray(value) || value.length > MAX_ELECTORS) throw new BadMessage(`a roll is ${show(value)}`)
  for (const name of value as unknown[]) {
    if (typeof name !== 'string' || name.length === 0 || name.length > MAX_NAME_CHARACTERS) {
      throw new BadMessage(`a roll names ${show(name)}`)
    }
  }
  return value as string[]
}
