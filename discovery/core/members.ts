import { Buckets } from './buckets.ts'
import type { Difference, Slot, Stretch } from './buckets.ts'
import { hashVersion, placeOf } from './digest.ts'
import type { Digest, Known } from './fact.ts'
import { Multimap } from './multimap.ts'
import { Rounds } from './rounds.ts'

/** A kept record; `shown` while the actor and everything above it is alive. */
export interface Member extends Slot {
  known: Known
  /** When it was last hidden; only read while it is not shown. */
  hiddenAt: number
}

/**
 * The kept records with what they are found by: peer id, name, group, parent, and the bucket that two registries compare.
 * Which of them show is for the registry to say; those that do not are found by peer id and parent alone.
 */
export class Members {
  /** Shared with the ends, which are told together with the records. */
  readonly buckets = new Buckets()
  readonly #all = new Map<string, Member>()
  readonly #children = new Multimap<Member>()
  readonly #names = new Multimap<Member>()
  readonly #groups = new Multimap<Member>()
  readonly #roots = new Map<string, Member>()
  readonly #hidden = new Map<string, Member>()
  readonly #rounds = new Rounds(this.#hidden)

  get size(): number {
    return this.#all.size
  }

  get rootCount(): number {
    return this.#roots.size
  }

  /** Over all that show. */
  get digest(): Digest {
    return this.buckets.digest
  }

  get(peerId: string): Member | undefined {
    return this.#all.get(peerId)
  }

  values(): Iterable<Member> {
    return this.#all.values()
  }

  /** Those that show and have no parent. */
  roots(): Iterable<Member> {
    return this.#roots.values()
  }

  children(peerId: string): Iterable<Member> {
    return this.#children.get(peerId)
  }

  named(name: string): Iterable<Member> {
    return this.#names.get(name)
  }

  grouped(group: string): Iterable<Member> {
    return this.#groups.get(group)
  }

  /** Those that do not show, in the order in which they were hidden. */
  hidden(): Iterable<Member> {
    return this.#hidden.values()
  }

  /** Some of those that do not show; each has its turn. */
  *someHidden(): Generator<Member> {
    for (const [, member] of this.#rounds.next()) yield member
  }

  sums(level: number, from: number): Uint8Array {
    return this.buckets.sums(level, from)
  }

  stretches(from: number, until: number, difference: Difference): Iterable<Stretch> {
    return this.buckets.stretches(from, until, difference)
  }

  /** The member as one that may be changed: whoever shares members between registries gives a copy. */
  own(member: Member): Member {
    return member
  }

  /** Takes in a record of an actor that was not known; it does not show yet. */
  insert(known: Known, now: number): Member {
    const { peerId } = known.record
    const place = placeOf(peerId)
    const member = { place, shown: false, first: 0, second: 0, next: undefined, known, hiddenAt: now }
    this.#all.set(peerId, member)
    this.buckets.put(member)
    this.#attach(member)
    return member
  }

  /** Puts another record in the place of one that does not show. */
  exchange(member: Member, known: Known): void {
    this.#detach(member)
    member.known = known
    this.#attach(member)
  }

  /** Puts a record in the place of one that shows, with the same name, groups and parent. */
  refresh(member: Member, known: Known): void {
    const { record, signed } = known
    member.known = known
    this.buckets.hide(member)
    this.buckets.show(member, hashVersion(record.peerId, record, signed.signature))
  }

  show(member: Member): void {
    const { record, signed } = member.known
    this.#hidden.delete(record.peerId)
    this.buckets.show(member, hashVersion(record.peerId, record, signed.signature))
    this.#names.add(record.name, member)
    for (const group of record.meta.groups ?? []) this.#groups.add(group, member)
    if (record.parent === undefined) this.#roots.set(record.peerId, member)
  }

  hide(member: Member, now: number): void {
    const { record } = member.known
    member.hiddenAt = now
    this.#hidden.set(record.peerId, member)
    this.buckets.hide(member)
    this.#names.delete(record.name, member)
    for (const group of record.meta.groups ?? []) this.#groups.delete(group, member)
    if (record.parent === undefined) this.#roots.delete(record.peerId)
  }

  /** Forgets one that does not show. */
  forget(member: Member): void {
    this.#detach(member)
    const { peerId } = member.known.record
    this.#hidden.delete(peerId)
    this.#all.delete(peerId)
    this.buckets.take(member)
  }

  #attach(member: Member): void {
    const { peerId, parent } = member.known.record
    this.#hidden.set(peerId, member)
    if (parent !== undefined) this.#children.add(parent, member)
  }

  #detach(member: Member): void {
    const { parent } = member.known.record
    if (parent !== undefined) this.#children.delete(parent, member)
  }
}
