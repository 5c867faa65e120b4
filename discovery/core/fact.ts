import type { ActorRecord, SignedRecord } from '../record.ts'

/** A record that was verified, with the signed bytes to pass on. */
export interface Known {
  readonly record: ActorRecord
  readonly signed: SignedRecord
}

/** The word that one life of an actor is over: by its owner (`left`) or by somebody who watched it (`dead`). */
export interface End {
  readonly peerId: string
  readonly inc: number
  readonly rev: number
  readonly state: 'dead' | 'left'
  /** Peer id of who said so first. */
  readonly by: string
  /** Milliseconds since the end became known; ages travel, clocks do not. */
  readonly age: number
}

/** The word of one root that it gets no answer from another: not a verdict yet, and its owner may refute it. */
export interface Accusation {
  readonly peerId: string
  readonly inc: number
  readonly rev: number
  /** Peer id of the accuser. */
  readonly by: string
  /** Milliseconds since the accusation. */
  readonly age: number
}

/** What gossip carries; a registry is made of records and ends. */
export type Fact =
  | { readonly kind: 'record'; readonly known: Known }
  | { readonly kind: 'end'; readonly end: End }
  | { readonly kind: 'suspect'; readonly accusation: Accusation }

/** The actor that a fact is about. */
export function subjectOf(fact: Fact): string {
  if (fact.kind === 'record') return fact.known.record.peerId
  return fact.kind === 'end' ? fact.end.peerId : fact.accusation.peerId
}

/** The peer ids and numbers around a fact on the wire, in bytes, generously. */
const overhead = 256

/** About how many bytes a fact takes in a message. */
export function sizeOf(fact: Fact): number {
  return fact.kind === 'record' ? fact.known.signed.bytes.length + overhead : overhead
}

/** What two registries compare to see whether they hold the same living actors. */
export interface Digest {
  readonly count: number
  /** Two sums of 32 bits over the hashes of all living actors' versions. */
  readonly sums: readonly [number, number]
}

/** Whether two digests stand for the same registry. */
export function sameDigest(a: Digest, b: Digest): boolean {
  return a.count === b.count && a.sums[0] === b.sums[0] && a.sums[1] === b.sums[1]
}
