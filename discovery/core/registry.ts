import type { ActorRecord } from '../record.ts'
import type { Gone, Change, Merge } from './change.ts'
import { DigestSum, hashVersion } from './digest.ts'
import type { VersionHash } from './digest.ts'
import type { Digest, End, Fact, Known } from './fact.ts'
import { coreLimits } from './limits.ts'
import type { CoreLimits } from './limits.ts'
import { Multimap } from './multimap.ts'
import { compareAge, compareBytes, compareLives, compareVersions } from './version.ts'

interface Member {
  known: Known
  hash: VersionHash
  /** Whether the actor and everything above it is alive. */
  visible: boolean
  /** When it was last hidden; only read while it is not visible. */
  hiddenAt: number
}

/** The memory of an ended life. */
export interface Tombstone {
  readonly peerId: string
  readonly inc: number
  readonly rev: number
  readonly state: 'dead' | 'left'
  readonly by: string
  /** When the end became known, on this machine's clock; may be negative. */
  readonly at: number
  /** When its record was last met by this accusation. */
  echoedAt: number
}

/** How long the registry remembers, in milliseconds. */
export interface RegistryTimes {
  readonly tombstoneTtl: number
  readonly hiddenTtl: number
}

const rank = { dead: 1, left: 2 } as const
const nothing: readonly Change[] = []

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
  readonly #tombstones = new Map<string, Tombstone>()
  readonly #children = new Multimap()
  readonly #names = new Multimap()
  readonly #groups = new Multimap()
  readonly #roots = new Set<string>()
  readonly #hidden = new Set<string>()
  readonly #digest = new DigestSum()
  readonly #times: RegistryTimes
  readonly #limits: CoreLimits
  #elders: readonly ActorRecord[] | undefined

  constructor(times: RegistryTimes, limits: CoreLimits = coreLimits) {
    this.#times = times
    this.#limits = limits
  }

  /** The digest over all visible actors. */
  get digest(): Digest {
    return this.#digest.value
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
    return member?.visible === true ? member.known.record : undefined
  }

  /** The record kept for a peer id, visible or not. */
  kept(peerId: string): Known | undefined {
    return this.#members.get(peerId)?.known
  }

  /** The end kept for a peer id. */
  tombstone(peerId: string): Tombstone | undefined {
    return this.#tombstones.get(peerId)
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
    for (const { visible, known } of this.#members.values()) if (visible) yield known.record
  }

  /** All visible roots, in no order. */
  *roots(): Generator<ActorRecord> {
    for (const peerId of this.#roots) {
      const record = this.get(peerId)
      if (record !== undefined) yield record
    }
  }

  /** The oldest roots that are up, oldest first: the committee of an election. */
  elders(): readonly ActorRecord[] {
    this.#elders ??= [...this.roots()]
      .filter((root) => root.status === 'up')
      .sort(compareAge)
      .slice(0, this.#limits.committee)
    return this.#elders
  }

  /** Everything to tell another registry: visible actors, parents before their children, then the ends. */
  *facts(now: number): Generator<Fact> {
    const queue = [...this.#roots]
    for (let index = 0; index < queue.length; index++) {
      const peerId = queue[index] ?? ''
      const member = this.#members.get(peerId)
      if (member?.visible !== true) continue
      yield { kind: 'record', known: member.known }
      queue.push(...this.#children.get(peerId))
    }
    for (const tombstone of this.#tombstones.values()) {
      const end = endOf(tombstone, now)
      if (end.age < this.#times.tombstoneTtl) yield { kind: 'end', end }
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
        compareVersions(record, member.known.record) || compareBytes(known.signed.bytes, member.known.signed.bytes)
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
    if (end.age >= this.#times.tombstoneTtl) return { outcome: 'older', changes: nothing }
    const tombstone = this.#tombstones.get(end.peerId)
    if (tombstone !== undefined) {
      const order = compareLives(end, tombstone) || rank[end.state] - rank[tombstone.state]
      if (order <= 0) return { outcome: order === 0 ? 'same' : 'older', changes: nothing }
    }
    const member = this.#members.get(end.peerId)
    if (member !== undefined && compareLives(end, member.known.record) < 0)
      return { outcome: 'older', changes: nothing }
    this.#bury(end, now)
    const changes: Change[] = []
    if (member !== undefined) this.#remove(member, end.state, now, changes)
    return { outcome: 'new', changes }
  }

  /** Forgets what is past its time: ends, and records that stayed hidden. */
  sweep(now: number): void {
    for (const [peerId, { at }] of this.#tombstones) {
      if (now - at >= this.#times.tombstoneTtl) this.#tombstones.delete(peerId)
    }
    for (const peerId of this.#hidden) {
      const member = this.#members.get(peerId)
      if (member !== undefined && now - member.hiddenAt >= this.#times.hiddenTtl) this.#forget(member)
    }
  }

  #callable(peerIds: ReadonlySet<string>): ActorRecord[] {
    const found: ActorRecord[] = []
    for (const peerId of peerIds) {
      const record = this.get(peerId)
      if (record?.status === 'up') found.push(record)
    }
    return found.sort(compareAge)
  }

  #put(known: Known, now: number, changes: Change[]): void {
    const { record } = known
    const before = this.#members.get(record.peerId)
    const previous = before?.visible === true ? before.known.record : undefined
    // a record that stays hidden must not be kept for ever by being told again and again
    const hiddenAt = before === undefined || before.visible ? now : before.hiddenAt
    if (before !== undefined) {
      this.#hide(before)
      this.#unlink(before)
    }
    const member: Member = { known, hash: hashVersion(record), visible: false, hiddenAt }
    this.#members.set(record.peerId, member)
    this.#hidden.add(record.peerId)
    if (record.parent !== undefined) this.#children.add(record.parent, record.peerId)
    if (this.#isAlive(record)) this.#show(member)
    const restarted = previous !== undefined && previous.inc !== record.inc
    if (previous !== undefined && (restarted || !member.visible)) {
      changes.push({ type: 'down', record: previous, why: restarted ? 'restarted' : 'subtree' })
    }
    if (member.visible && previous !== undefined && !restarted) changes.push({ type: 'updated', record, previous })
    else if (member.visible) changes.push({ type: 'up', record })
    this.#settleBelow(record.peerId, now, changes)
  }

  #remove(member: Member, why: Gone, now: number, changes: Change[]): void {
    const { record } = member.known
    if (member.visible) changes.push({ type: 'down', record, why })
    this.#forget(member)
    this.#settleBelow(record.peerId, now, changes)
  }

  /** Shows or hides what stands below an actor, after the actor itself changed. */
  #settleBelow(peerId: string, now: number, changes: Change[]): void {
    const queue = [...this.#children.get(peerId)]
    for (let index = 0; index < queue.length; index++) {
      const member = this.#members.get(queue[index] ?? '')
      if (member === undefined) continue
      const { record } = member.known
      const alive = this.#isAlive(record)
      if (alive === member.visible) continue
      if (alive) {
        this.#show(member)
        changes.push({ type: 'up', record })
      } else {
        this.#hide(member)
        member.hiddenAt = now
        changes.push({ type: 'down', record, why: 'subtree' })
      }
      queue.push(...this.#children.get(record.peerId))
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
    const { record } = member.known
    member.visible = true
    this.#hidden.delete(record.peerId)
    this.#digest.add(member.hash)
    this.#names.add(record.name, record.peerId)
    for (const group of record.meta.groups ?? []) this.#groups.add(group, record.peerId)
    if (record.parent === undefined) this.#roots.add(record.peerId)
    if (record.parent === undefined) this.#elders = undefined
  }

  #hide(member: Member): void {
    if (!member.visible) return
    const { record } = member.known
    member.visible = false
    this.#hidden.add(record.peerId)
    this.#digest.remove(member.hash)
    this.#names.remove(record.name, record.peerId)
    for (const group of record.meta.groups ?? []) this.#groups.remove(group, record.peerId)
    this.#roots.delete(record.peerId)
    if (record.parent === undefined) this.#elders = undefined
  }

  #unlink({ known: { record } }: Member): void {
    if (record.parent !== undefined) this.#children.remove(record.parent, record.peerId)
  }

  #forget(member: Member): void {
    this.#hide(member)
    this.#unlink(member)
    this.#hidden.delete(member.known.record.peerId)
    this.#members.delete(member.known.record.peerId)
  }

  #bury({ peerId, inc, rev, state, by, age }: End, now: number): void {
    // set anew, so that the order of the map is the order of burial and the first one is the oldest
    this.#tombstones.delete(peerId)
    this.#tombstones.set(peerId, { peerId, inc, rev, state, by, at: now - age, echoedAt: -Infinity })
    if (this.#tombstones.size > this.#limits.tombstones) {
      for (const oldest of this.#tombstones.keys()) {
        this.#tombstones.delete(oldest)
        break
      }
    }
  }

  #makeRoom(): boolean {
    if (this.#members.size < this.#limits.members) return true
    for (const peerId of this.#hidden) {
      const member = this.#members.get(peerId)
      if (member !== undefined) this.#forget(member)
      return true
    }
    return false
  }
}

/** A tombstone as the fact that it was made of, aged. */
export function endOf({ peerId, inc, rev, state, by, at }: Tombstone, now: number): End {
  return { peerId, inc, rev, state, by, age: Math.max(0, now - at) }
}
