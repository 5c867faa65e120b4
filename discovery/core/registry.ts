import type { ActorRecord } from '../record.ts'
import { Buckets } from './buckets.ts'
import type { Difference, Slot } from './buckets.ts'
import type { Change, Gone, Merge } from './change.ts'
import { hashVersion, placeOf } from './digest.ts'
import { Elders } from './elders.ts'
import type { Digest, End, Fact, Known } from './fact.ts'
import { coreLimits } from './limits.ts'
import type { CoreLimits } from './limits.ts'
import { Multimap } from './multimap.ts'
import { Rounds } from './rounds.ts'
import { endOf, Tombstones } from './tombstones.ts'
import type { Tombstone } from './tombstones.ts'
import { compareAge, compareBytes, compareLives, compareVersions, sameTexts } from './version.ts'
import type { Life } from './version.ts'

/** A kept record; `shown` while the actor and everything above it is alive. */
interface Member extends Slot {
  known: Known
  /** When it was last hidden; only read while it is not shown. */
  hiddenAt: number
}

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
 * An actor is *visible* while it and every parent above it is alive, and no parent is younger than its child.
 * Visibility is derived and never merged, so that the subtree of a wrongly accused root comes back with the root's
 * one refutation.
 */
export class Registry {
  readonly #members = new Map<string, Member>()
  readonly #children = new Multimap<Member>()
  readonly #names = new Multimap<Member>()
  readonly #groups = new Multimap<Member>()
  readonly #roots = new Map<string, Member>()
  readonly #hidden = new Map<string, Member>()
  readonly #buckets = new Buckets()
  readonly #tombstones: Tombstones
  readonly #elders: Elders
  readonly #rounds = new Rounds(this.#hidden)
  readonly #times: RegistryTimes
  readonly #limits: CoreLimits

  constructor(times: RegistryTimes, limits: CoreLimits = coreLimits) {
    this.#times = times
    this.#limits = limits
    this.#tombstones = new Tombstones(times.tombstoneTtl, limits.tombstones, this.#buckets)
    this.#elders = new Elders(limits.committee)
  }

  /** The digest over all visible actors. */
  get digest(): Digest {
    return this.#buckets.digest
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
    return this.#callable(this.#names.get(name))
  }

  /** The actors of a group that can be called, oldest first. */
  members(group: string): ActorRecord[] {
    return this.#callable(this.#groups.get(group))
  }

  /** All visible actors, in no order. */
  *actors(): Generator<ActorRecord> {
    for (const { shown, known } of this.#members.values()) if (shown) yield known.record
  }

  /** How many roots are visible. */
  get rootCount(): number {
    return this.#roots.size
  }

  /** All visible roots, in no order. */
  *roots(): Generator<ActorRecord> {
    for (const { known } of this.#roots.values()) yield known.record
  }

  /** The oldest roots that are up, oldest first: the committee of an election. */
  elders(): readonly ActorRecord[] {
    return this.#elders.first(() => this.#rootsUp())
  }

  /** Everything to tell another registry: visible actors, parents before their children, then the ends. */
  *facts(now: number): Generator<Fact> {
    const queue: Member[] = [...this.#roots.values()]
    for (let index = 0; index < queue.length; index++) {
      const member = queue[index]
      if (member?.shown !== true) continue
      yield { kind: 'record', known: member.known }
      for (const child of this.#children.get(member.known.record.peerId)) queue.push(child)
    }
    for (const tombstone of this.#tombstones.values()) {
      const fact = this.#endFact(tombstone, now)
      if (fact !== undefined) yield fact
    }
  }

  /** Sums over the versions in all parts of the span from a position on; see `Buckets`. */
  sums(level: number, from: number): Uint8Array {
    return this.#buckets.sums(level, from)
  }

  /** In which parts of the span another registry with these sums differs. */
  compare(level: number, from: number, theirs: Uint8Array): Difference {
    return this.#buckets.compare(level, from, theirs)
  }

  /** What to tell a registry that differs in some parts, by stretches of the span, and the end of each stretch. */
  *difference(
    from: number,
    until: number,
    difference: Difference,
    now: number,
  ): Generator<{ readonly until: number; readonly facts: Fact[] }> {
    for (const stretch of this.#buckets.stretches(from, until, difference)) {
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
    this.#put(known, now, changes)
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
    if (member !== undefined) this.#remove(member, end.state, now, changes)
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
    for (const [, member] of this.#rounds.next()) {
      if (now - member.hiddenAt >= this.#times.hiddenTtl) this.#forget(member)
    }
  }

  #callable(members: Iterable<Member>): ActorRecord[] {
    const found: ActorRecord[] = []
    for (const { known } of members) if (known.record.status === 'up') found.push(known.record)
    return found.sort(compareAge)
  }

  #put(known: Known, now: number, changes: Change[]): void {
    const { record } = known
    let member = this.#members.get(record.peerId)
    const previous = member?.shown === true ? member.known.record : undefined
    if (member === undefined) {
      const place = placeOf(record.peerId)
      member = { place, shown: false, first: 0, second: 0, next: undefined, known, hiddenAt: now }
      this.#members.set(record.peerId, member)
      this.#buckets.put(member)
    } else if (previous !== undefined && isAlike(previous, record)) {
      this.#replace(member, known)
      changes.push({ type: 'updated', record, previous })
      return
    } else {
      // a record that stays hidden must not be kept for ever by being told again and again
      if (member.shown) this.#hide(member, now)
      this.#unlink(member)
      member.known = known
    }
    this.#hidden.set(record.peerId, member)
    if (record.parent !== undefined) this.#children.add(record.parent, member)
    if (this.#isAlive(record)) this.#show(member)
    const restarted = previous !== undefined && previous.inc !== record.inc
    if (previous !== undefined && (restarted || !member.shown)) {
      changes.push({ type: 'down', record: previous, why: restarted ? 'restarted' : 'subtree' })
    }
    if (member.shown && previous !== undefined && !restarted) changes.push({ type: 'updated', record, previous })
    else if (member.shown) changes.push({ type: 'up', record })
    this.#settleBelow(record.peerId, now, changes)
  }

  /** What shows goes on showing, under the same name at the same place. */
  #replace(member: Member, known: Known): void {
    const before = member.known.record
    const { record, signed } = known
    member.known = known
    this.#buckets.hide(member)
    this.#buckets.show(member, hashVersion(record.peerId, record, signed.signature))
    if (record.parent !== undefined) return
    this.#elders.delete(before)
    if (record.status === 'up') this.#elders.add(record)
  }

  #remove(member: Member, why: Gone, now: number, changes: Change[]): void {
    const { record } = member.known
    if (member.shown) changes.push({ type: 'down', record, why })
    this.#forget(member)
    this.#settleBelow(record.peerId, now, changes)
  }

  /** Shows or hides what stands below an actor, after the actor itself changed. */
  #settleBelow(peerId: string, now: number, changes: Change[]): void {
    const queue = [...this.#children.get(peerId)]
    for (let index = 0; index < queue.length; index++) {
      const member = queue[index]
      if (member === undefined) continue
      const { record } = member.known
      const alive = this.#isAlive(record)
      if (alive === member.shown) continue
      if (alive) {
        this.#show(member)
        changes.push({ type: 'up', record })
      } else {
        this.#hide(member, now)
        changes.push({ type: 'down', record, why: 'subtree' })
      }
      for (const child of this.#children.get(record.peerId)) queue.push(child)
    }
  }

  #isAlive(record: ActorRecord): boolean {
    if (record.parent === undefined) return true
    const parent = this.get(record.parent)
    if (parent === undefined || parent.root !== record.root || parent.inc > record.inc) return false
    return this.#depth(parent) < this.#limits.depth
  }

  #depth(record: ActorRecord): number {
    let depth = 0
    let above: ActorRecord | undefined = record
    while (above?.parent !== undefined && depth <= this.#limits.depth) {
      above = this.#members.get(above.parent)?.known.record
      depth++
    }
    return depth
  }

  #show(member: Member): void {
    const { record, signed } = member.known
    this.#hidden.delete(record.peerId)
    this.#buckets.show(member, hashVersion(record.peerId, record, signed.signature))
    this.#names.add(record.name, member)
    for (const group of record.meta.groups ?? []) this.#groups.add(group, member)
    if (record.parent !== undefined) return
    this.#roots.set(record.peerId, member)
    if (record.status === 'up') this.#elders.add(record)
  }

  #hide(member: Member, now: number): void {
    if (!member.shown) return
    const { record } = member.known
    member.hiddenAt = now
    this.#hidden.set(record.peerId, member)
    this.#buckets.hide(member)
    this.#names.delete(record.name, member)
    for (const group of record.meta.groups ?? []) this.#groups.delete(group, member)
    if (record.parent !== undefined) return
    this.#roots.delete(record.peerId)
    this.#elders.delete(record)
  }

  #unlink(member: Member): void {
    const { parent } = member.known.record
    if (parent !== undefined) this.#children.delete(parent, member)
  }

  #forget(member: Member): void {
    const { peerId } = member.known.record
    this.#hide(member, 0)
    this.#unlink(member)
    this.#hidden.delete(peerId)
    this.#members.delete(peerId)
    this.#buckets.take(member)
  }

  *#rootsUp(): Generator<ActorRecord> {
    for (const root of this.roots()) if (root.status === 'up') yield root
  }

  #endFact(tombstone: Tombstone, now: number): Fact | undefined {
    const end = endOf(tombstone, now)
    return this.#tombstones.isOver(end.age) ? undefined : { kind: 'end', end }
  }

  #makeRoom(): boolean {
    if (this.#members.size < this.#limits.members) return true
    for (const member of this.#hidden.values()) {
      this.#forget(member)
      return true
    }
    return false
  }
}

/** Whether a record can take the place of another one without a change of any index: `rev`, `seq` or content differ. */
function isAlike(a: ActorRecord, b: ActorRecord): boolean {
  const groups = [a.meta.groups ?? nothing, b.meta.groups ?? nothing] as const
  return (
    a.inc === b.inc &&
    a.name === b.name &&
    a.parent === b.parent &&
    a.root === b.root &&
    sameTexts(groups[0], groups[1])
  )
}

function recordFact({ shown, known }: Member): Fact | undefined {
  return shown ? { kind: 'record', known } : undefined
}
