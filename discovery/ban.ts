import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import { decode, encode } from '../rpc/codec.ts'
import { isSignedBy, publicKeyIn, SIGNATURE_BYTES, signBytes } from './signing.ts'
import type { Identity } from '../node/identity.ts'

/** Members that are banned from one mesh at a time, and bans that were taken back and are remembered. */
export const MAX_BANS = 1_024
/** Characters of the reason of a ban. */
export const MAX_BAN_REASON = 256
/** Bytes of a ban as it travels. */
export const MAX_BAN_BYTES = 2_048
const MAX_NAME_BYTES = 256
const LAYOUT = 1
const DOMAIN = 'greenroom/ban'

/** A member that is kept out of a mesh, or the word that it may come back. */
export interface Ban {
  /** Its peer id. */
  readonly peer: string
  /** As it was called when it was banned; empty when that was not known. */
  readonly name: string
  /** False when the ban was taken back. */
  readonly banned: boolean
  /** Counts the words about one peer: a higher one stands over a lower one. */
  readonly serial: number
  /** Milliseconds since 1970 by the clock of whoever said so. */
  readonly at: number
  /** Who said so. */
  readonly by: { readonly id: string; readonly name: string }
  readonly why: string
}

/** A ban as it travels: the bytes that were signed, untouched by whoever relays them. */
export interface SignedBan {
  readonly ban: Ban
  readonly bytes: Uint8Array
  /** Ed25519, of `ban.by.id`. */
  readonly signature: Uint8Array
}

/** Signs a ban in the name of `ban.by.id`. @throws InvalidArgument when the reason is too long */
export function signBan(ban: Ban, mesh: string, { privateKey }: Identity): SignedBan {
  if (typeof ban.why !== 'string' || ban.why.length > MAX_BAN_REASON)
    throw new InvalidArgument(`the reason of a ban is a text of at most ${MAX_BAN_REASON} characters`)
  const { peer, name, banned, serial, at, by, why } = ban
  const bytes = encode([DOMAIN, LAYOUT, mesh, peer, name, banned, serial, at, by.id, by.name, why]).slice()
  return { ban, bytes, signature: signBytes(bytes, privateKey) }
}

/** Reads a ban that came from somewhere else. @throws GreenroomError `BAD_BAN` */
export function openBan(bytes: Uint8Array, signature: Uint8Array, mesh: string): SignedBan {
  if (bytes.byteLength > MAX_BAN_BYTES || signature.byteLength !== SIGNATURE_BYTES) throw bad('its size is wrong')
  const value = decode(bytes)
  if (!Array.isArray(value) || value.length !== 11) throw bad('it is something else')
  const [domain, layout, of, peer, name, banned, serial, at, id, byName, why] = value as unknown[]
  if (domain !== DOMAIN || layout !== LAYOUT || of !== mesh) throw bad('it is not of this mesh and version')
  if (!isPeer(peer) || !isPeer(id) || !isName(name) || !isName(byName) || typeof banned !== 'boolean')
    throw bad('a field makes no sense')
  if (!isCount(serial) || !isCount(at) || typeof why !== 'string' || why.length > MAX_BAN_REASON)
    throw bad('a field makes no sense')
  if (!isSignedBy(id, bytes, signature)) throw bad(`it is not signed by ${id}`)
  return { ban: { peer, name, banned, serial, at, by: { id, name: byName }, why }, bytes, signature }
}

/** Above 0 when the first one stands over the second one: the same order everywhere. */
export function compareBans({ ban: a }: SignedBan, { ban: b }: SignedBan): number {
  return a.serial - b.serial || Number(a.banned) - Number(b.banned) || a.at - b.at || compareTexts(a.by.id, b.by.id)
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function isPeer(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 128) return false
  try {
    publicKeyIn(value)
    return true
  } catch {
    return false
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= MAX_NAME_BYTES
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function bad(why: string): GreenroomError {
  return new GreenroomError('BAD_BAN', `this is no ban: ${why}`)
}
