import { show } from '../show.ts'
import { coreLimits } from './limits.ts'
import type { Fence } from './fence.ts'
import type { Token } from './token.ts'
import { BadMessage, encodeToken, readNumber, readPeerId, readToken } from './wire-fields.ts'

/** One name that an actor wants or holds. */
export interface Want {
  /** Tells several claims of one actor apart. */
  readonly id: number
  readonly name: string
  /** What it was granted with; undefined while it waits. */
  readonly fence: Fence | undefined
  /** Milliseconds for which it has waited; ages travel, clocks do not. */
  readonly waited: number
}

/**
 * "These are all the names that I want or hold": from an actor by way of its parents to the arbiter. What it no longer
 * lists, it has given up.
 */
export interface Claims {
  readonly type: 'claims'
  readonly actor: string
  /** Incarnation that the actor booted with: another one is another process. */
  readonly life: number
  /** Grows with every one of them; a later one replaces all earlier ones. */
  readonly round: number
  readonly wants: readonly Want[]
}

/** What became of one want. */
export type Answer =
  | { readonly id: number; readonly outcome: 'held'; readonly fence: Fence }
  /** `holder`: the peer id of who holds the name, or null while the arbiter does not know yet or grants nothing. */
  | { readonly id: number; readonly outcome: 'waits'; readonly holder: string | null }
  /** Somebody with a higher fence holds it. */
  | { readonly id: number; readonly outcome: 'lost'; readonly holder: string | null }
  | { readonly id: number; readonly outcome: 'full'; readonly limit: ClaimLimit }

/** The bound of the arbiter that a claim has met. */
export type ClaimLimit = 'claims' | 'claimLine'

/** The arbiter's answer to the last `claims` of an actor, back by the way on which they came. */
export interface Granted {
  readonly type: 'granted'
  readonly actor: string
  readonly life: number
  readonly round: number
  readonly arbiter: Token
  readonly answers: readonly Answer[]
}

/** One name in the books of an arbiter. */
export interface Grant {
  readonly actor: string
  readonly life: number
  readonly id: number
  readonly name: string
  readonly fence: Fence
}

/** "I leave, and these are all the names that are held": to the successor, before it is told to stand. */
export interface Books {
  readonly type: 'books'
  readonly token: Token
  readonly grants: readonly Grant[]
}

/** The plain value on the wire. */
export function encodeBooks({ type, token, grants }: Books): unknown {
  return {
    type,
    token: encodeToken(token),
    grants: grants.map(({ actor, life, id, name, fence }) => [actor, life, id, name, encodeFence(fence)]),
  }
}

/** Reads what `encodeBooks` gave. @throws BadMessage */
export function readBooks(fields: Record<string, unknown>): Books {
  const grants = readList('grants', fields['grants'], coreLimits.handedClaims)
  return { type: 'books', token: readToken(fields['token']), grants: grants.map(readGrant) }
}

/** The plain value on the wire. */
export function encodeClaims({ wants, ...rest }: Claims): unknown {
  return { ...rest, wants: wants.map(({ id, name, fence, waited }) => [id, name, encodeFence(fence), waited]) }
}

/** Reads what `encodeClaims` gave. @throws BadMessage */
export function readClaims(fields: Record<string, unknown>): Claims {
  return {
    type: 'claims',
    ...readHead(fields),
    wants: readList('wants', fields['wants'], coreLimits.claimsPerActor).map(readWant),
  }
}

/** The plain value on the wire. */
export function encodeGranted({ arbiter, answers, ...rest }: Granted): unknown {
  return { ...rest, arbiter: encodeToken(arbiter), answers: answers.map(encodeAnswer) }
}

/** Reads what `encodeGranted` gave. @throws BadMessage */
export function readGranted(fields: Record<string, unknown>): Granted {
  return {
    type: 'granted',
    ...readHead(fields),
    arbiter: readToken(fields['arbiter']),
    answers: readList('answers', fields['answers'], coreLimits.claimsPerActor).map(readAnswer),
  }
}

function readHead(fields: Record<string, unknown>): Pick<Claims, 'actor' | 'life' | 'round'> {
  return {
    actor: readPeerId('actor', fields['actor']),
    life: readNumber('life', fields['life']),
    round: readNumber('round', fields['round']),
  }
}

function readList(field: string, value: unknown, most: number): unknown[][] {
  if (!Array.isArray(value)) throw new BadMessage(`${field} is ${show(value)}`)
  if (value.length > most) throw new BadMessage(`it has ${value.length} ${field}, more than ${most}`)
  return (value as unknown[]).map((item) => {
    if (!Array.isArray(item)) throw new BadMessage(`one of ${field} is ${show(item)}`)
    return item as unknown[]
  })
}

function readWant([id, name, fence, waited]: unknown[]): Want {
  return {
    id: readNumber('id', id),
    name: readName(name),
    fence: fence === null || fence === undefined ? undefined : readFence(fence),
    waited: Math.min(readNumber('waited', waited), coreLimits.age),
  }
}

function readGrant([actor, life, id, name, fence]: unknown[]): Grant {
  return {
    actor: readPeerId('a grant', actor),
    life: readNumber('life', life),
    id: readNumber('id', id),
    name: readName(name),
    fence: readFence(fence),
  }
}

function readName(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > coreLimits.claimName) {
    throw new BadMessage(`a claimed name is ${show(value)}, not 1 to ${coreLimits.claimName} characters`)
  }
  return value
}

function encodeAnswer(answer: Answer): unknown {
  const { id, outcome } = answer
  switch (outcome) {
    case 'held':
      return [id, outcome, encodeFence(answer.fence)]
    case 'waits':
    case 'lost':
      return [id, outcome, answer.holder]
    case 'full':
      return [id, outcome, answer.limit]
  }
}

function readAnswer([number, outcome, detail]: unknown[]): Answer {
  const id = readNumber('id', number)
  switch (outcome) {
    case 'held':
      return { id, outcome, fence: readFence(detail) }
    case 'waits':
    case 'lost':
      return { id, outcome, holder: detail === null ? null : readPeerId('a holder', detail) }
    case 'full':
      if (detail !== 'claims' && detail !== 'claimLine') throw new BadMessage(`a bound of claims is ${show(detail)}`)
      return { id, outcome, limit: detail }
    default:
      throw new BadMessage(`an answer's outcome is ${show(outcome)}`)
  }
}

function encodeFence(fence: Fence | undefined): unknown {
  return fence === undefined ? null : [...encodeToken(fence), fence.serial]
}

function readFence(value: unknown): Fence {
  return { ...readToken(value), serial: readNumber('serial', (value as unknown[])[3]) }
}
