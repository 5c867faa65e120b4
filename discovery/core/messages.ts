import type { ActorRecord, SignedRecord } from '../record.ts'
import { show } from '../show.ts'
import { LEVELS, SPAN } from './buckets.ts'
import { encodeClaim, encodeElection, parseElection, readClaim } from './election-messages.ts'
import type { ElectionMessage } from './election-messages.ts'
import type { Accusation, Digest, End, Fact } from './fact.ts'
import { coreLimits } from './limits.ts'
import { encodeBooks, encodeClaims, encodeGranted, readBooks, readClaims, readGranted } from './claim-messages.ts'
import type { Books, Claims, Granted } from './claim-messages.ts'
import type { ProbeMessage } from './probe-messages.ts'
import type { Claim } from './token.ts'
import { BadMessage, readBytes, readFlag, readNumber, readPeerId, readWithin } from './wire-fields.ts'

/** Changes; by gossip to all, or directly to one neighbour. */
export interface Facts {
  readonly type: 'facts'
  readonly facts: readonly Fact[]
  readonly claim: Claim | null
}

/** "This is my digest: look what differs." */
export interface Sync {
  readonly type: 'sync'
  readonly digest: Digest
  readonly claim: Claim | null
}

/** "These are the sums of my buckets, from a position on: tell me what you have in those that differ." */
export interface Buckets {
  readonly type: 'buckets'
  /** There are `2 ** level` buckets; see `LEVELS`. */
  readonly level: number
  /** 0 to 65,535. */
  readonly position: number
  /** 8 bytes for each bucket from the one of the position on. */
  readonly sums: Uint8Array
  readonly digest: Digest
  readonly claim: Claim | null
}

/**
 * What stands in the buckets that differ. The last message of an answer has `more: false` and says how far it came;
 * what is not further than it was asked for says "ask later". `answer`: what the other one of the exchange lacked.
 */
export interface State {
  readonly type: 'state'
  readonly facts: readonly Fact[]
  readonly claim: Claim | null
  readonly digest: Digest
  readonly more: boolean
  readonly answer: boolean
  /** Position up to which everything that differs was told; 65,536 is the end. */
  readonly until: number
  /** One bit for each bucket, set where they differ; empty when nothing does. */
  readonly differs: Uint8Array
}

/** Every message between the cores of two actors. */
export type Message = Facts | Sync | Buckets | State | ElectionMessage | ProbeMessage | Claims | Granted | Books

/** The plain value that stands for a message on the wire; `parseMessage` is its inverse. */
export function encodeMessage(message: Message): unknown {
  switch (message.type) {
    case 'facts':
      return { type: message.type, facts: message.facts.map(encodeFact), claim: encodeClaim(message.claim) }
    case 'sync':
      return { type: message.type, digest: encodeDigest(message.digest), claim: encodeClaim(message.claim) }
    case 'buckets':
      return { ...message, digest: encodeDigest(message.digest), claim: encodeClaim(message.claim) }
    case 'state': {
      const { facts, claim, digest } = message
      return { ...message, facts: facts.map(encodeFact), claim: encodeClaim(claim), digest: encodeDigest(digest) }
    }
    case 'probeRequest':
    case 'nack':
      return { ...message }
    case 'probe':
    case 'ack':
      return { ...message, digest: encodeDigest(message.digest) }
    case 'books':
      return encodeBooks(message)
    case 'claims':
      return encodeClaims(message)
    case 'granted':
      return encodeGranted(message)
    default:
      return encodeElection(message)
  }
}

/**
 * Reads a decoded value as a message; every field is checked and bounded. Unknown fields are ignored.
 *
 * `open` verifies a signed record (and throws when it is bad). One bad record spoils the whole message: an honest actor
 * sends none.
 *
 * @throws BadMessage when the value is no message, or what `open` throws
 */
export function parseMessage(value: unknown, open: (signed: SignedRecord) => ActorRecord): Message {
  const reading = readMessage(value, open)
  for (;;) {
    const step = reading.next()
    if (step.done === true) return step.value
  }
}

/** Like `parseMessage`, a record at a time: verifying takes some 0.1 ms each. */
export function* readMessage(
  value: unknown,
  open: (signed: SignedRecord) => ActorRecord,
): Generator<undefined, Message> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadMessage('it is no object')
  const fields = value as Record<string, unknown>
  const type = fields['type']
  switch (type) {
    case 'facts':
      return { type, facts: yield* readFacts(fields['facts'], open), claim: readClaim(fields['claim']) }
    case 'sync':
      return { type, digest: readDigest(fields['digest']), claim: readClaim(fields['claim']) }
    case 'buckets': {
      const level = readWithin('level', fields['level'], LEVELS.least, LEVELS.most)
      const position = readWithin('position', fields['position'], 0, SPAN - 1)
      const sums = readBytes('sums', fields['sums'], (2 ** level - Math.floor((position * 2 ** level) / SPAN)) * 8)
      return {
        type,
        level,
        position,
        sums,
        digest: readDigest(fields['digest']),
        claim: readClaim(fields['claim']),
      }
    }
    case 'state':
      return {
        type,
        facts: yield* readFacts(fields['facts'], open),
        claim: readClaim(fields['claim']),
        digest: readDigest(fields['digest']),
        more: readFlag('more', fields['more']),
        answer: readFlag('answer', fields['answer']),
        until: readWithin('until', fields['until'], 0, SPAN),
        differs: readDiffers(fields['differs']),
      }
    case 'probe':
    case 'ack':
      return { type, seq: readNumber('seq', fields['seq']), digest: readDigest(fields['digest']) }
    case 'probeRequest':
      return { type, seq: readNumber('seq', fields['seq']), target: readPeerId('a probe request', fields['target']) }
    case 'nack':
      return { type, seq: readNumber('seq', fields['seq']) }
    case 'books':
      return readBooks(fields)
    case 'claims':
      return readClaims(fields)
    case 'granted':
      return readGranted(fields)
    default: {
      const message = parseElection(type, fields)
      if (message === undefined) throw new BadMessage(`its type is ${show(type)}`)
      return message
    }
  }
}

function encodeFact(fact: Fact): unknown {
  if (fact.kind === 'record') return ['record', fact.known.signed.bytes, fact.known.signed.signature]
  if (fact.kind === 'suspect') {
    const { peerId, inc, rev, by, age } = fact.accusation
    return ['suspect', peerId, inc, rev, by, Math.round(age)]
  }
  const { peerId, inc, rev, state, by, age } = fact.end
  return ['end', peerId, inc, rev, state, by, Math.round(age)]
}

function encodeDigest({ count, sums }: Digest): unknown {
  return [count, ...sums]
}

function* readFacts(value: unknown, open: (signed: SignedRecord) => ActorRecord): Generator<undefined, Fact[]> {
  if (!Array.isArray(value)) throw new BadMessage(`facts is ${show(value)}`)
  if (value.length > coreLimits.pageFacts) {
    throw new BadMessage(`it has ${value.length} facts, more than ${coreLimits.pageFacts}`)
  }
  const facts: Fact[] = []
  for (const item of value as unknown[]) {
    if (facts.length > 0) yield
    facts.push(readFact(item, open))
  }
  return facts
}

function readFact(value: unknown, open: (signed: SignedRecord) => ActorRecord): Fact {
  if (!Array.isArray(value)) throw new BadMessage(`a fact is ${show(value)}`)
  const [kind, ...rest] = value as unknown[]
  if (kind === 'record') {
    const [bytes, signature] = rest
    if (!(bytes instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
      throw new BadMessage('a record is no pair of bytes')
    }
    // a decoder may hand out views of its whole receive buffer, which a registry must not keep alive
    const signed = { bytes: new Uint8Array(bytes), signature: new Uint8Array(signature) }
    return { kind, known: { record: open(signed), signed } }
  }
  if (kind === 'suspect') return { kind, accusation: readAccusation(rest) }
  if (kind !== 'end') throw new BadMessage(`a fact's kind is ${show(kind)}`)
  const [peerId, inc, rev, state, by, age] = rest
  if (state !== 'dead' && state !== 'left') throw new BadMessage(`an end's state is ${show(state)}`)
  const end: End = {
    peerId: readPeerId('an end', peerId),
    inc: readNumber('inc', inc),
    rev: readNumber('rev', rev),
    state,
    by: readPeerId('by', by),
    age: Math.min(readNumber('age', age), coreLimits.age),
  }
  return { kind, end }
}

function readAccusation([peerId, inc, rev, by, age]: unknown[]): Accusation {
  return {
    peerId: readPeerId('a suspicion', peerId),
    inc: readNumber('inc', inc),
    rev: readNumber('rev', rev),
    by: readPeerId('by', by),
    age: Math.min(readNumber('age', age), coreLimits.age),
  }
}

function readDigest(value: unknown): Digest {
  if (!Array.isArray(value)) throw new BadMessage(`digest is ${show(value)}`)
  const [count, first, second] = value as unknown[]
  return { count: readNumber('count', count), sums: [readNumber('sum', first), readNumber('sum', second)] }
}

/** Bits for as many buckets as registries compare, or none at all. */
function readDiffers(value: unknown): Uint8Array {
  const length = value instanceof Uint8Array ? value.length : 0
  const level = Math.log2(length * 8)
  const known = Number.isInteger(level) && level >= LEVELS.least && level <= LEVELS.most
  return readBytes('differs', value, known ? length : 0)
}
