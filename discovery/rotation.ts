import { createHmac, timingSafeEqual } from 'node:crypto'
import { GreenroomError } from '../node/errors.ts'
import type { Identity } from '../node/identity.ts'
import { deriveFrom } from '../node/mesh-secrets.ts'
import { decode, encode } from '../rpc/codec.ts'
import { isSignedBy, SIGNATURE_BYTES, signBytes } from './signing.ts'

/** Members that the secret of a mesh is told to when it changes; those that were seen last, when there are more. */
export const MAX_ROSTER = 4_096
/** Bytes of a rotation as it travels. */
export const MAX_ROTATION_BYTES = 512 * 1024
/** Milliseconds that the former secret goes on to open connections, unless said otherwise. */
export const OVERLAP_MS = 60_000
/** Bounds of that time, in milliseconds. */
export const MIN_OVERLAP_MS = 1_000
export const MAX_OVERLAP_MS = 3_600_000
/** Former secrets that a rotation names. */
export const MAX_ANCESTORS = 4
/** Milliseconds by which the clock of whoever rotates may be ahead. */
const MAX_SKEW_MS = 600_000
const DOMAIN = 'greenroom/rotation'
const LAYOUT = 1
const SECRET_BYTES = 32

/** A change of the secret of a mesh. */
export interface Rotation {
  /** How often the secret has changed. */
  readonly epoch: number
  /** Milliseconds since 1970 by the clock of whoever changed it. */
  readonly at: number
  readonly overlapMs: number
  readonly by: { readonly id: string; readonly name: string }
  readonly secret: Uint8Array
  /** Ids of the secrets before it, the last one first. */
  readonly ancestors: readonly string[]
  /** Peer ids of the roots that may be told. */
  readonly roster: readonly string[]
}

/** A rotation as it travels, inside connections to those who may know the secret. */
export interface SignedRotation {
  readonly rotation: Rotation
  readonly bytes: Uint8Array
  /** Ed25519, of `rotation.by.id`. */
  readonly signature: Uint8Array
  /** Shows that whoever made it knew the secret before it: HMAC-SHA256. */
  readonly mac: Uint8Array
}

/** Tells one secret from another, and nothing about it. */
export function secretIdOf(secret: Uint8Array): string {
  return Buffer.from(deriveFrom(secret, 'greenroom/secret-id/1').subarray(0, 16)).toString('hex')
}

/** @param parent the secret before it */
export function signRotation(
  rotation: Rotation,
  mesh: string,
  parent: Uint8Array,
  { privateKey }: Identity,
): SignedRotation {
  const { epoch, at, overlapMs, by, secret, ancestors, roster } = rotation
  const fields = [DOMAIN, LAYOUT, mesh, epoch, at, overlapMs, by.id, by.name, secret, [...ancestors], [...roster]]
  const bytes = encode(fields).slice()
  return { rotation, bytes, signature: signBytes(bytes, privateKey), mac: macOf(parent, bytes) }
}

/** Reads a rotation that came from somewhere else. @throws GreenroomError `BAD_ROTATION` */
export function openRotation(
  bytes: Uint8Array,
  signature: Uint8Array,
  mac: Uint8Array,
  mesh: string,
  now: number,
): SignedRotation {
  if (bytes.byteLength > MAX_ROTATION_BYTES || signature.byteLength !== SIGNATURE_BYTES || mac.byteLength !== 32)
    throw bad('its size is wrong')
  const value = decode(bytes)
  if (!Array.isArray(value) || value.length !== 11) throw bad('it is something else')
  const [domain, layout, of, epoch, at, overlapMs, id, name, secret, ancestors, roster] = value as unknown[]
  if (domain !== DOMAIN || layout !== LAYOUT || of !== mesh) throw bad('it is not of this mesh and version')
  if (!isCount(epoch) || epoch < 1 || !isCount(at) || !isCount(overlapMs) || overlapMs > MAX_OVERLAP_MS)
    throw bad('a number makes no sense')
  if (at > now + MAX_SKEW_MS) throw bad('it is of a time to come: look at the clocks')
  if (typeof id !== 'string' || typeof name !== 'string' || name.length > 256)
    throw bad('it does not say by whom it is')
  if (!(secret instanceof Uint8Array) || secret.byteLength !== SECRET_BYTES) throw bad('it has no secret')
  if (!isTexts(ancestors, MAX_ANCESTORS, 32) || ancestors.length === 0 || !isTexts(roster, MAX_ROSTER, 128))
    throw bad('a list makes no sense')
  if (!isSignedBy(id, bytes, signature)) throw bad(`it is not signed by ${id}`)
  const rotation = { epoch, at, overlapMs, by: { id, name }, secret: new Uint8Array(secret), ancestors, roster }
  return { rotation, bytes, signature, mac }
}

/** Whether whoever made a rotation knew that secret, and replaced it. */
export function replaces({ rotation, bytes, mac }: SignedRotation, parent: Uint8Array): boolean {
  return rotation.ancestors[0] === secretIdOf(parent) && timingSafeEqual(macOf(parent, bytes), mac)
}

/** Above 0 when the first one stands over the second one: the same order everywhere. */
export function compareRotations(a: Pick<Rotation, 'epoch' | 'at' | 'by'>, b: typeof a): number {
  return a.epoch - b.epoch || a.at - b.at || (a.by.id < b.by.id ? -1 : Number(a.by.id > b.by.id))
}

function macOf(parent: Uint8Array, bytes: Uint8Array): Uint8Array {
  const key = deriveFrom(parent, 'greenroom/rotations/1')
  return new Uint8Array(createHmac('sha256', key).update(bytes).digest())
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isTexts(value: unknown, most: number, longest: number): value is string[] {
  if (!Array.isArray(value) || value.length > most) return false
  return value.every((text) => typeof text === 'string' && text.length > 0 && text.length <= longest)
}

function bad(why: string): GreenroomError {
  return new GreenroomError('BAD_ROTATION', `this is no change of the secret: ${why}`)
}
