import type { ActorRef } from '../node/errors.ts'
import type { Target } from '../rpc/caller.ts'
import type { ActorRecord } from './record.ts'

/** An actor as discovery knows it; plain data. */
export interface ActorInfo extends ActorRef {
  readonly addresses: readonly string[]
  /** Namespaces that it serves. */
  readonly modules: readonly string[]
  /** At most 32, sorted. */
  readonly tags: readonly string[]
  /** Groups that it is a member of, at most 16, sorted. */
  readonly groups: readonly string[]
  /** Of the program that it runs, when that was said. */
  readonly version: string | undefined
  /** Peer id of the actor that started it; a root has none. */
  readonly parent: string | undefined
  /** Peer id of the top actor of its tree. */
  readonly root: string
}

/** What users see of a record. */
export function infoOf(record: ActorRecord): ActorInfo {
  const { name, peerId, addrs, modules, parent, root, meta } = record
  const { tags = [], groups = [], version } = meta
  return { name, id: peerId, addresses: addrs, modules, tags, groups, version, parent, root }
}

/** A portal's target for a record. */
export function targetOf(record: ActorRecord): Target {
  return { name: record.name, id: record.peerId, addresses: record.addrs }
}
