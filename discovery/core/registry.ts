import type { ActorRecord } from '../record.ts'
import { differenceOf } from './buckets.ts'
import type { Difference } from './buckets.ts'
import type { Change, Merge } from './change.ts'
import type { Digest, End, Fact, Known } from './fact.ts'
import { coreLimits } from './limits.ts'
import type { CoreLimits } from './limits.ts'
import { Members } from './members.ts'
import type { Member } from './members.ts'
import { endOf, Tombstones } from './tombstones.ts'
import type { Tombstone } from './tombstones.ts'
import { compareAge, compareBytes, compareLives, compareVersions } from './version.ts'
import type { Life } from './version.ts'
import { Visibility } from './visibility.ts'

/** How long the registry remembers, in milliseconds. */
export interface RegistryTimes {
  readonly tombstoneTtl: number
  readonly hiddenTtl: number
}

const rank = { dead: 1, left: 2 } as const
const nothing: readonly never[] = []

/**
 * Every actor that is known, merged from signed records and from words about ends.
 *
 * Per peer id the facts are totally ordered: by life `(inc, rev)`, in one life LEFT over DEAD over any record, among
 * records by `seq`; the registry keeps the highest. So merging is commutative, associative and idempotent (a join
 * semilattice, as in Shapiro et al., "Conflict-free Replicated Data Types", 2011). A suspicion would stand between
 * DEAD and the record.
 *
 * What of it shows is derived: see `Visibility`.
 */
export class Registry {
  readonly #members: Members
  readonly #visibility: Visibility
  readonly #tombstones: Tombstones
  readonly #times: RegistryTimes
  readonly #limits: CoreLimits

  /** `members`: what is known from the beginning; nothing when left out. */
  constructor(times: RegistryTimes, limits: CoreLimits = coreLimits, members = new Members()) {
    this.#times = times
    this.#limits = limits
    this.#members = members
    this.#tombstones = new Tombstones(times.tombstoneTtl, limits.tombstones, members.buckets)
    this.#visibility = new Visibility(members, limits)
  }

  /** The digest over all visible actors. */
  get digest(): Digest {
    return this.#members.digest
  }

  /** How many records are kept, those that are not visible included. */
  get size(): number {
    return this.#members.size
  }

  /** How many ends are remembered. */
  get ended(): number {
    return this.#tombstones.size
  }

  /** The record of a visible actor. */
  get(peerId: string): ActorRecord | undefined {
    const member = this.#members.get(peerId)
    return member?.shown === true ? member.known.record : undefined
  }

  /** The record kept for a peer id, visible or not. */
  kept(peerId: string): Known | undefined {
    return this.#members.get(peerId)?.known
  }

  /** The end kept for a peer id. */
  tombstone(peerId: string): Tombstone | undefined {
    return this.#tombstones.get(peerId)
  }

  /** The ends that are remembered, the latest last. */
  ends(): Iterable<Tombstone> {
    return this.#tombstones.values()
  }

  /** The actors of a name that can be called, oldest first. */
  find(name: string): ActorRecord[] {
    return this.#callable(this.#members.named(name))
  }

  /** The actors of a group that can be called, oldest first. */
  members(group: string): ActorRecord[] {
    return this.#callable(this.#members.grouped(group))
  }

  /** All visible actors, in no order. */
  *actors(): Generator<ActorRecord> {
    for (const { shown, known } of this.#members.values()) if (shown) yield known.record
  }

  /** How many roots are visible. */
  get rootCount(): number {
    return this.#members.rootCount
  }

  /** All visible roots, in no order. */
  *roots(): Generator<ActorRecord> {
    for (const { known } of this.#members.roots()) yield known.record
  }

  /** The oldest roots that are up, oldest first: the committee of an election. */
  elders(): readonly ActorRecord[] {
    return this.#visibility.elders()
  }

  /** Everything to tell another registry: visible actors, parents before their children, then the ends. */
  *facts(now: number): Generator<Fact> {
    const queue: Member[] = [...this.#members.roots()]
    for (let index = 0; index < queue.length; index++) {
      const member = queue[index]
      if (member?.shown !== true) continue
      yield { kind: 'record', known: member.known }
      for (const child of this.#members.children(member.known.record.peerId)) queue.push(child)
    }
    for (const tombstone of this.#tombstones.values()) {
      const fact = this.#endFact(tombstone, now)
      if (fact !== undefined) yield fact
    }
  }

  /** Sums over the versions in all parts of the span from a position on; see `Buckets`. */
  sums(level: number, from: number): Uint8Array {
    return this.#members.sums(level, from)
  }

  /** In which parts of the span another registry with these sums differs. */
  compare(level: number, from: number, theirs: Uint8Array): Difference {
    return differenceOf(this.#members.sums(level, from), theirs, level, from)
  }

  /** What to tell a registry that differs in some parts, by stretches of the span, and the end of each stretch. */
  *difference(
    from: number,
    until: number,
    difference: Difference,
    now: number,
  ): Generator<{ readonly until: number; readonly facts: Fact[] }> {
    for (const stretch of this.#members.stretches(from, until, difference)) {
      const facts: Fact[] = []
      for (const slot of stretch.slots) {
        const fact = 'known' in slot ? recordFact(slot as Member) : this.#endFact(slot as Tombstone, now)
        if (fact !== undefined) facts.push(fact)
      }
      if (facts.length > 0) yield { until: stretch.until, facts }
    }
  }

  /** Takes in a verified record. */
  mergeRecord(known: Known, now: number): Merge {
    const { record } = known
    if (record.status === 'left') {
      const { peerId, inc, rev } = record
      return this.mergeEnd({ peerId, inc, rev, state: 'left', by: peerId, age: 0 }, now)
    }
    const tombstone = this.#tombstones.get(record.peerId)
    if (tombstone !== undefined && compareLives(record, tombstone) <= 0) {
      return { outcome: 'accused', changes: nothing }
    }
    const member = this.#members.get(record.peerId)
    if (member !== undefined) {
      // an owner that signs two records of one version makes no sense, but must not keep two registries apart
      const order =
        compareVersions(record, member.known.record) ||
        compareBytes(known.signed.bytes, member.known.signed.bytes) ||
        compareBytes(known.signed.signature, member.known.signed.signature)
      if (order === 0) return { outcome: 'same', changes: nothing }
      if (order < 0) return { outcome: 'older', changes: nothing }
    } else if (!this.#makeRoom()) {
      return { outcome: 'full', changes: nothing }
    }
    this.#tombstones.delete(record.peerId)
    const changes: Change[] = []
    this.#visibility.put(known, now, changes)
    return { outcome: 'new', changes }
  }

  /** Takes in the word that a life is over. */
  mergeEnd(end: End, now: number): Merge {
    if (this.#tombstones.isOver(end.age)) return { outcome: 'older', changes: nothing }
    const tombstone = this.#tombstones.get(end.peerId)
    if (tombstone !== undefined) {
      const order = compareLives(end, tombstone) || rank[end.state] - rank[tombstone.state]
      if (order <= 0) return { outcome: order === 0 ? 'same' : 'older', changes: nothing }
    }
    const member = this.#members.get(end.peerId)
    if (member !== undefined && compareLives(end, member.known.record) < 0)
      return { outcome: 'older', changes: nothing }
    if (!this.isCredible(end)) return { outcome: 'incredible', changes: nothing }
    this.#tombstones.bury(end, now, member !== undefined)
    const changes: Change[] = []
    if (member !== undefined) this.#visibility.remove(member, end.state, now, changes)
    return { outcome: 'new', changes }
  }

  /**
   * Whether an accusation may name this life. Only its owner can raise a version, so beyond what an honest owner gets to
   * in any time, the record of that life has to be here: nobody uses up the numbers of another by making up ends.
   */
  isCredible({ peerId, inc, rev }: Life & { readonly peerId: string }): boolean {
    if (inc <= this.#limits.inc && rev <= this.#limits.rev) return true
    const record = this.#members.get(peerId)?.known.record
    return record !== undefined && compareLives({ inc, rev }, record) <= 0
  }

  /** Forgets what is past its time, ends and records that stayed hidden, in stretches over a number of calls. */
  sweep(now: number): void {
    this.#tombstones.sweep(now)
    for (const member of this.#members.someHidden()) {
      if (now - member.hiddenAt >= this.#times.hiddenTtl) this.#members.forget(member)
    }
  }

  #callable(members: Iterable<Member>): ActorRecord[] {
    const found: ActorRecord[] = []
    for (const { known } of members) if (known.record.status === 'up') found.push(known.record)
    return found.sort(compareAge)
  }

  #endFact(tombstone: Tombstone, now: number): Fact | undefined {
    const end = endOf(tombstone, now)
    return this.#tombstones.isOver(end.age) ? undefined : { kind: 'end', end }
  }

  #makeRoom(): boolean {
    if (this.#members.size < this.#limits.members) return true
    for (const member of this.#members.hidden()) {
      this.#members.forget(member)
      return true
    }
    return false
  }
}

function recordFact({ shown, known }: Member): Fact | undefined {
  return shown ? { kind: 'record', known } : undefined
}
