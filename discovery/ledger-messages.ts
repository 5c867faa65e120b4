import { createHash } from 'node:crypto'
import { GreenroomError } from '../node/errors.ts'
import { decode, encode } from '../rpc/codec.ts'
import { MAX_BANS, openBan, type SignedBan } from './ban.ts'
import type { Ledger } from './ledger.ts'
import { openRotation, type Rotation, type SignedRotation } from './rotation.ts'

const LAYOUT = 1

/** What tells two ledgers apart. */
export interface LedgerSummary {
  readonly rotation: Pick<Rotation, 'epoch' | 'at' | 'by'> | undefined
  /** SHA-256 of all words about bans. */
  readonly bans: Uint8Array
}

/** What one ledger tells another one. */
export interface LedgerNews {
  readonly rotation: SignedRotation | undefined
  readonly bans: readonly SignedBan[]
}

export function summaryOf(ledger: Ledger): LedgerSummary {
  const hash = createHash('sha256')
  for (const signature of ledger.words.map((word) => Buffer.from(word.signature)).sort((a, b) => Buffer.compare(a, b)))
    hash.update(signature)
  return { rotation: ledger.rotation?.rotation, bans: new Uint8Array(hash.digest()) }
}

export function encodeSummary({ rotation, bans }: LedgerSummary): Uint8Array {
  return encode([LAYOUT, rotation === undefined ? null : [rotation.epoch, rotation.at, rotation.by.id], bans]).slice()
}

/** @throws GreenroomError `BAD_LEDGER` */
export function readSummary(bytes: Uint8Array): LedgerSummary {
  const value = decode(bytes)
  if (!Array.isArray(value) || value.length !== 3 || value[0] !== LAYOUT) throw bad('it is something else')
  const [, rotation, bans] = value as unknown[]
  if (!(bans instanceof Uint8Array) || bans.byteLength !== 32) throw bad('it has no digest')
  if (rotation === null) return { rotation: undefined, bans }
  if (!Array.isArray(rotation)) throw bad('its rotation makes no sense')
  const [epoch, at, id] = rotation as unknown[]
  if (typeof epoch !== 'number' || typeof at !== 'number' || typeof id !== 'string')
    throw bad('its rotation makes no sense')
  return { rotation: { epoch, at, by: { id, name: '' } }, bans }
}

export function packNews({ rotation, bans }: LedgerNews): unknown[] {
  const told = rotation === undefined ? null : [rotation.bytes, rotation.signature, rotation.mac]
  return [told, bans.map(({ bytes, signature }) => [bytes, signature])]
}

/** @throws GreenroomError `BAD_LEDGER`, `BAD_BAN`, `BAD_ROTATION` */
export function unpackNews(value: unknown, mesh: string, now: number): LedgerNews {
  if (!Array.isArray(value) || value.length !== 2) throw bad('it is something else')
  const [rotation, bans] = value as unknown[]
  if (!Array.isArray(bans) || bans.length > MAX_BANS) throw bad('it has no list of bans')
  return {
    rotation: rotation === null ? undefined : openRotation(...threeOf(rotation), mesh, now),
    bans: bans.map((one) => openBan(...twoOf(one), mesh)),
  }
}

function threeOf(value: unknown): [Uint8Array, Uint8Array, Uint8Array] {
  if (Array.isArray(value) && value.length === 3 && value.every((part) => part instanceof Uint8Array))
    return value as [Uint8Array, Uint8Array, Uint8Array]
  throw bad('a signed part makes no sense')
}

function twoOf(value: unknown): [Uint8Array, Uint8Array] {
  if (Array.isArray(value) && value.length === 2 && value.every((part) => part instanceof Uint8Array))
    return value as [Uint8Array, Uint8Array]
  throw bad('a signed part makes no sense')
}

function bad(why: string): GreenroomError {
  return new GreenroomError('BAD_LEDGER', `this is nothing of a ledger: ${why}`)
}
