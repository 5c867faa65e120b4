import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import { decode, encode } from '../rpc/codec.ts'
import { isMeshName } from './rendezvous.ts'

/** Addresses that one invitation holds. */
export const MAX_INVITATION_ADDRESSES = 16
/** Characters of an invitation. */
export const MAX_INVITATION_CHARACTERS = 8 * 1024
/** Milliseconds that an invitation may be good for: a year. */
export const MAX_INVITATION_MS = 366 * 24 * 60 * 60 * 1_000
/** Times that a counted invitation may be used. */
export const MAX_INVITATION_USES = 10_000

const PREFIX = 'greenroom:'
const VERSION = 1
const KEY_BYTES = 32
const ID_BYTES = 16
const MAC_BYTES = 32
const CHECK_BYTES = 4

/** What the door lets a visitor in for. */
export interface Grant {
  readonly mesh: string
  readonly id: string
  /** Milliseconds since the epoch by the clock of the machine that asked for it; undefined for ever. */
  readonly expires: number | undefined
  /** How many actors may use it; undefined for any number. */
  readonly uses: number | undefined
  /** Proves that a member made it. */
  readonly mac: Uint8Array
}

/** All that a stranger needs to join a mesh. */
export interface Invitation extends Grant {
  /** What the door's handshake asks for. */
  readonly doorKey: Uint8Array
  /** Where roots of the machine that made it listen; multiaddrs with peer ids. */
  readonly addresses: readonly string[]
}

/** The key of the doors of a mesh, from which its secret cannot be had (HKDF, RFC 5869). */
export function doorKeyOf(secret: Uint8Array): Uint8Array {
  return derive(secret, 'greenroom/door-key/1')
}

/** Makes a grant that every member of the mesh recognises. */
export function newGrant(
  secret: Uint8Array,
  mesh: string,
  { expires, uses }: { readonly expires?: number | undefined; readonly uses?: number | undefined },
): Grant {
  const id = randomBytes(ID_BYTES).toString('hex')
  const unsigned = { mesh, id, expires, uses }
  return { ...unsigned, mac: macOf(secret, unsigned) }
}

/** Whether a member of the mesh with this secret made a grant. */
export function isGenuine(secret: Uint8Array, grant: Grant): boolean {
  return timingSafeEqual(macOf(secret, grant), grant.mac)
}

/** One copyable line. */
export function encodeInvitation({ mesh, id, expires, uses, mac, doorKey, addresses }: Invitation): string {
  const body = encode([VERSION, mesh, id, expires ?? null, uses ?? null, mac, doorKey, [...addresses]])
  return PREFIX + Buffer.concat([checkOf(body), body]).toString('base64url')
}

/** Whether a text means to be an invitation, good or not. */
export function isInvitation(text: string): boolean {
  return text.trimStart().startsWith(PREFIX)
}

/**
 * Reads an invitation. Its secrets are never part of an error.
 *
 * @throws GreenroomError `BAD_INVITATION` when it was not copied whole, or is of a later version
 */
export function readInvitation(text: string): Invitation {
  const line = text.trim()
  if (!line.startsWith(PREFIX)) throw bad(`it does not begin with '${PREFIX}'`)
  if (line.length > MAX_INVITATION_CHARACTERS) throw bad(`it has ${line.length} characters`)
  const bytes = Buffer.from(line.slice(PREFIX.length), 'base64url')
  const body = bytes.subarray(CHECK_BYTES)
  if (body.byteLength === 0 || !checkOf(body).equals(bytes.subarray(0, CHECK_BYTES)))
    throw bad('it was cut or changed on its way: copy the whole line')
  const value = decode(body)
  if (!Array.isArray(value)) throw bad('it holds something else')
  const [version, mesh, id, expires, uses, mac, doorKey, addresses] = value as unknown[]
  if (version !== VERSION) throw bad(`it is of version ${String(version)}: this greenroom reads version ${VERSION}`)
  if (!isBytes(doorKey, KEY_BYTES) || !isAddresses(addresses)) throw bad('it holds something else')
  return { ...readGrant([mesh, id, expires, uses, mac]), doorKey: new Uint8Array(doorKey), addresses }
}

/** What a visitor shows at the door. */
export function encodeGrant({ mesh, id, expires, uses, mac }: Grant): Uint8Array {
  return encode([mesh, id, expires ?? null, uses ?? null, mac])
}

/** @throws GreenroomError `BAD_INVITATION` when a value is no grant */
export function readGrant(value: unknown): Grant {
  if (!Array.isArray(value)) throw bad('it holds something else')
  const [mesh, id, expires, uses, mac] = value as unknown[]
  if (
    typeof mesh !== 'string' ||
    !isMeshName(mesh) ||
    typeof id !== 'string' ||
    !/^[0-9a-f]{32}$/.test(id) ||
    !isCount(expires, Number.MAX_SAFE_INTEGER) ||
    !isCount(uses, MAX_INVITATION_USES) ||
    !isBytes(mac, MAC_BYTES)
  )
    throw bad('it holds something else')
  return { mesh, id, expires: expires ?? undefined, uses: uses ?? undefined, mac: new Uint8Array(mac) }
}

/** @throws InvalidArgument when an invitation cannot be limited so */
export function checkLimits(expiresInMs: number | undefined, uses: number | undefined): void {
  if (expiresInMs !== undefined && !(expiresInMs >= 1_000 && expiresInMs <= MAX_INVITATION_MS))
    throw new InvalidArgument(`an invitation expires after one second to 366 days, got ${expiresInMs} ms`)
  if (uses !== undefined && !(Number.isInteger(uses) && uses >= 1 && uses <= MAX_INVITATION_USES))
    throw new InvalidArgument(`an invitation is good for 1 to ${MAX_INVITATION_USES} uses, got ${uses}`)
}

function isCount(value: unknown, most: number): value is number | null {
  return value === null || (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= most)
}

function isBytes(value: unknown, bytes: number): value is Uint8Array {
  return value instanceof Uint8Array && value.byteLength === bytes
}

function isAddresses(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_INVITATION_ADDRESSES) return false
  return value.every((address) => typeof address === 'string')
}

function checkOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECK_BYTES)
}

function macOf(secret: Uint8Array, { mesh, id, expires, uses }: Omit<Grant, 'mac'>): Uint8Array {
  const key = derive(secret, 'greenroom/invitations/1')
  const told = JSON.stringify([mesh, id, expires ?? null, uses ?? null])
  return new Uint8Array(createHmac('sha256', key).update(told).digest())
}

function derive(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), purpose, KEY_BYTES))
}

function bad(why: string): GreenroomError {
  return new GreenroomError('BAD_INVITATION', `this is no invitation: ${why}`)
}
