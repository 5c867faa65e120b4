import type { Ed25519PrivateKey } from '@libp2p/interface'
import { Packr } from 'msgpackr'
import { GreenroomError, InvalidArgument, describeError } from '../node/errors.ts'
import { MAX_GROUP_BYTES, MAX_GROUPS, MAX_TAG_BYTES, MAX_TAGS, MAX_VERSION_BYTES, type Metadata } from './metadata.ts'
import { show } from './show.ts'
import { isSignedBy, publicKeyIn, signBytes, SIGNATURE_BYTES } from './signing.ts'

/**
 * What an actor says about its own life: `leaving` still answers calls but is no longer found, `left` is the last
 * word.
 */
export type ActorStatus = 'up' | 'leaving' | 'left'

/**
 * What the mesh knows of one actor. Only its owner can make or change it, since it is signed by the key inside
 * `peerId`.
 *
 * `(inc, rev, seq)` is its version: `inc` is fixed at boot, `rev` is raised to refute an accusation, `seq` when the
 * content changed. The `inc` of a child is never lower than its parent's, so that a parent started again retires its
 * old children.
 */
export interface ActorRecord {
  readonly mesh: string
  readonly peerId: string
  readonly name: string
  /** Peer id of the actor that started this one; a root has none. */
  readonly parent?: string
  /** Peer id of the top actor of the tree; a root names itself. */
  readonly root: string
  readonly inc: number
  readonly rev: number
  readonly seq: number
  /** Multiaddrs that the actor listens on, best first. */
  readonly addrs: readonly string[]
  readonly status: ActorStatus
  /** Names of the modules whose functions can be called. */
  readonly modules: readonly string[]
  readonly meta: Metadata
}

/** A record as it travels: the bytes that were signed, untouched by whoever relays them. */
export interface SignedRecord {
  readonly bytes: Uint8Array
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array
}

/** Bounds of a record; lengths are in UTF-8 bytes. */
export const recordLimits = {
  /** Size of the encoded record. */
  bytes: 8192,
  meshBytes: 64,
  nameBytes: 256,
  peerIdBytes: 128,
  addrs: 8,
  addrBytes: 512,
  modules: 64,
  moduleBytes: 256,
  metaEntries: 32,
} as const

/** A record that was refused, with the field and the reason; `code` is `BAD_RECORD`. */
export class BadRecord extends GreenroomError {
  constructor(message: string, options?: ErrorOptions) {
    super('BAD_RECORD', `bad actor record: ${message}`, options)
  }
}

// The tag keeps a signature over a record from ever being taken for one over something else, or over a later layout.
const domain = 'greenroom/record'
const layout = 1
// Records have no references, and a peer that sends some could make a small record that is huge to walk.
const codec = new Packr({ useRecords: false, mapsAsObjects: false, structuredClone: false })

/** Whether an actor is the top of its tree: only roots are watched over the network and vote. */
export function isRoot(actor: { readonly peerId: string; readonly root: string }): boolean {
  return actor.root === actor.peerId
}

/**
 * Encodes and signs a record.
 *
 * @throws InvalidArgument when the key does not belong to `record.peerId`
 * @throws BadRecord when a field is outside of `recordLimits`
 * @example
 * ```ts
 * const signed = signRecord(record, identity.privateKey)
 * openRecord(signed, 'demo').name
 * ```
 */
export function signRecord(record: ActorRecord, privateKey: Ed25519PrivateKey): SignedRecord {
  const bytes = encodeRecord(record)
  if (!equalBytes(publicKeyIn(record.peerId), privateKey.publicKey.raw)) {
    throw new InvalidArgument(`the record of ${record.peerId} can only be signed with the key of that peer id`)
  }
  return { bytes, signature: signBytes(bytes, privateKey) }
}

/** The bytes of a record that are signed. @throws BadRecord when a field, or the whole, is outside of `recordLimits` */
function encodeRecord(record: ActorRecord): Uint8Array {
  checkRecord(record)
  const { mesh, peerId, name, parent, root, inc, rev, seq, addrs, status, modules } = record
  const { tags = [], groups = [], version } = record.meta
  const meta: [string, unknown][] = []
  if (groups.length > 0) meta.push(['groups', groups])
  if (tags.length > 0) meta.push(['tags', tags])
  if (version !== undefined) meta.push(['version', version])
  const fields = [domain, layout, mesh, peerId, name, parent ?? null, root, inc, rev, seq, addrs, status, modules, meta]
  const bytes = new Uint8Array(codec.pack(fields))
  checkSize(bytes)
  return bytes
}

/** Bytes of a record that are left to a longer status and to the numbers of its version as they grow. */
const growth = 48

/** @throws BadRecord when a record would not fit into its bound at some later version */
export function checkRoom(record: ActorRecord): void {
  checkSize(encodeRecord(record), recordLimits.bytes - growth)
}

/**
 * Reads a record that came from somewhere else and checks its signature, its mesh and every field.
 *
 * `known` spares the signature check (some 0.1 ms) of bytes that were already checked: it gives the signed record
 * kept for a peer id.
 *
 * @throws BadRecord with the field and the reason
 */
export function openRecord(
  signed: SignedRecord,
  mesh: string,
  known?: (peerId: string) => SignedRecord | undefined,
): ActorRecord {
  const { bytes, signature } = signed
  checkSize(bytes)
  const record = decodeRecord(bytes)
  if (record.mesh !== mesh) throw new BadRecord(`it is for mesh '${record.mesh}', this is mesh '${mesh}'`)
  const kept = known?.(record.peerId)
  if (kept !== undefined && equalBytes(kept.bytes, bytes) && equalBytes(kept.signature, signature)) return record
  if (signature.length !== SIGNATURE_BYTES) {
    throw new BadRecord(`the signature has ${signature.length} bytes instead of ${SIGNATURE_BYTES}`)
  }
  if (!isSignedBy(record.peerId, bytes, signature)) throw new BadRecord(`the signature is not by ${record.peerId}`)
  return record
}

function decodeRecord(bytes: Uint8Array): ActorRecord {
  let fields: unknown
  try {
    fields = codec.unpack(bytes)
  } catch (cause) {
    throw new BadRecord(`its bytes cannot be decoded (${describeError(cause).slice(0, 200)})`, { cause })
  }
  if (!Array.isArray(fields) || fields[0] !== domain) throw new BadRecord(`its bytes are not a '${domain}'`)
  if (fields[1] !== layout) throw new BadRecord(`its layout is ${show(fields[1])}, this version knows ${layout}`)
  if (fields.length !== 14) throw new BadRecord(`it has ${fields.length} fields instead of 14`)
  const [, , mesh, peerId, name, parent, root, inc, rev, seq, addrs, status, modules, meta] = fields as unknown[]
  const record = { mesh, peerId, name, root, inc, rev, seq, addrs, status, modules, meta: readMeta(meta) }
  const withParent = parent === null ? record : { ...record, parent }
  checkRecord(withParent)
  return withParent
}

/** Entries that a later version may add are left out: what was signed travels on as it is. */
function readMeta(entries: unknown): Metadata {
  if (!Array.isArray(entries)) throw new BadRecord('meta is no list of entries')
  if (entries.length > recordLimits.metaEntries)
    throw new BadRecord(`meta has ${entries.length} entries, more than ${recordLimits.metaEntries}`)
  const meta: { tags?: readonly string[]; groups?: readonly string[]; version?: string } = {}
  const seen = new Set<string>()
  for (const entry of entries as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== 'string')
      throw new BadRecord('meta has an entry that is no pair of a name and a value')
    const [key, value] = entry as [string, unknown]
    if (seen.has(key)) throw new BadRecord(`meta has ${show(key)} twice`)
    seen.add(key)
    // checked with the others of the record's fields
    if (key === 'tags' || key === 'groups') meta[key] = value as readonly string[]
    else if (key === 'version') meta.version = value as string
  }
  return meta
}

type Unchecked = { readonly [Field in keyof ActorRecord]?: unknown }

function checkRecord(record: Unchecked): asserts record is ActorRecord {
  checkText('mesh', record.mesh, recordLimits.meshBytes)
  checkText('name', record.name, recordLimits.nameBytes)
  checkPeerId('peerId', record.peerId)
  checkPeerId('root', record.root)
  if (record.parent !== undefined) checkPeerId('parent', record.parent)
  if ((record.parent === undefined) !== (record.root === record.peerId)) {
    throw new BadRecord(
      'a root has no parent and names itself as root; every other actor has a parent and another root',
    )
  }
  if (record.parent === record.peerId) throw new BadRecord('parent is the actor itself')
  for (const field of ['inc', 'rev', 'seq'] as const) {
    const value = record[field]
    if (!Number.isSafeInteger(value) || (value as number) < 0) {
      throw new BadRecord(`${field} is ${show(value)}, not a whole number from 0`)
    }
  }
  if (record.status !== 'up' && record.status !== 'leaving' && record.status !== 'left') {
    throw new BadRecord(`status is ${show(record.status)}, not up, leaving or left`)
  }
  checkList('addrs', record.addrs, recordLimits.addrs, recordLimits.addrBytes)
  checkList('modules', record.modules, recordLimits.modules, recordLimits.moduleBytes)
  if (typeof record.meta !== 'object' || record.meta === null) throw new BadRecord('meta is no object')
  const { tags, groups, version } = record.meta as { readonly [Field in keyof Metadata]: unknown }
  if (tags !== undefined) checkList('meta.tags', tags, MAX_TAGS, MAX_TAG_BYTES)
  if (groups !== undefined) checkList('meta.groups', groups, MAX_GROUPS, MAX_GROUP_BYTES)
  if (version !== undefined) checkText('meta.version', version, MAX_VERSION_BYTES)
}

function checkSize(bytes: Uint8Array, most: number = recordLimits.bytes): void {
  if (bytes.length > most) {
    throw new BadRecord(`it has ${bytes.length} bytes, more than ${most}: give it less metadata or fewer modules`)
  }
}

function checkText(field: string, value: unknown, most: number, least = 1): asserts value is string {
  if (typeof value !== 'string') throw new BadRecord(`${field} is ${show(value)}, not a text`)
  const length = Buffer.byteLength(value)
  if (length < least || length > most) throw new BadRecord(`${field} has ${length} bytes, not ${least} to ${most}`)
}

function checkList(field: string, value: unknown, most: number, mostBytes: number): void {
  if (!Array.isArray(value)) throw new BadRecord(`${field} is ${show(value)}, not a list`)
  if (value.length > most) throw new BadRecord(`${field} has ${value.length} entries, more than ${most}`)
  for (const [index, entry] of value.entries()) checkText(`${field}[${index}]`, entry, mostBytes)
}

function checkPeerId(field: string, value: unknown): asserts value is string {
  checkText(field, value, recordLimits.peerIdBytes)
  try {
    publicKeyIn(value)
  } catch (cause) {
    throw new BadRecord(`${field} is ${show(value)}, not the peer id of an Ed25519 key`, { cause })
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
