import { Buckets } from '../../../discovery/core/buckets.ts'
import type { Difference, Slot, Stretch } from '../../../discovery/core/buckets.ts'
import type { Digest, Known } from '../../../discovery/core/fact.ts'
import { Members } from '../../../discovery/core/members.ts'
import type { Member } from '../../../discovery/core/members.ts'

/** Members that many registries begin with, all of which show. Nobody changes it. */
export function membersOf(records: Iterable<Known>): Members {
  const members = new Members()
  for (const known of records) members.show(members.insert(known, 0))
  return members
}

/**
 * What one core knows as its difference from what thousands of cores in this process know: 10,000 registries of 110,000
 * actors would need 200 GB. A member that the core changes, or forgets, is copied first; whoever asks sees no difference
 * from members of its own.
 */
export class SharedMembers extends Members {
  readonly #shared: Members
  /** Peer ids of those that are not as they are in the shared ones. */
  readonly #replaced = new Set<string>()
  /** What those add to the shared sums. */
  readonly #minus = new Buckets()
  #replacedRoots = 0

  constructor(shared: Members) {
    super()
    this.#shared = shared
  }

  override get size(): number {
    return super.size + this.#shared.size - this.#replaced.size
  }

  override get rootCount(): number {
    return super.rootCount + this.#shared.rootCount - this.#replacedRoots
  }

  override get digest(): Digest {
    const [shared, own, minus] = [this.#shared.digest, super.digest, this.#minus.digest]
    return {
      count: shared.count + own.count - minus.count,
      sums: [
        (shared.sums[0] + own.sums[0] - minus.sums[0]) >>> 0,
        (shared.sums[1] + own.sums[1] - minus.sums[1]) >>> 0,
      ],
    }
  }

  override get(peerId: string): Member | undefined {
    return super.get(peerId) ?? (this.#replaced.has(peerId) ? undefined : this.#shared.get(peerId))
  }

  override values(): Iterable<Member> {
    return this.#both(super.values(), this.#shared.values())
  }

  override roots(): Iterable<Member> {
    return this.#both(super.roots(), this.#shared.roots())
  }

  override children(peerId: string): Iterable<Member> {
    return this.#both(super.children(peerId), this.#shared.children(peerId))
  }

  override named(name: string): Iterable<Member> {
    return this.#both(super.named(name), this.#shared.named(name))
  }

  override grouped(group: string): Iterable<Member> {
    return this.#both(super.grouped(group), this.#shared.grouped(group))
  }

  override sums(level: number, from: number): Uint8Array {
    const bytes = this.#shared.sums(level, from)
    const sums = new DataView(bytes.buffer)
    const more = new DataView(super.sums(level, from).buffer)
    const less = new DataView(this.#minus.sums(level, from).buffer)
    for (let at = 0; at < bytes.length; at += 4) {
      sums.setInt32(at, (sums.getInt32(at) + more.getInt32(at) - less.getInt32(at)) | 0)
    }
    return bytes
  }

  override *stretches(from: number, until: number, difference: Difference): Generator<Stretch> {
    // by the shared ones, which are many; the own ones of the same stretch are told with them
    let told = from
    for (const stretch of this.#shared.stretches(from, until, difference)) {
      const slots: Slot[] = stretch.slots.filter((slot) => !this.#isReplaced(slot))
      for (const own of super.stretches(told, stretch.until, difference)) slots.push(...own.slots)
      told = stretch.until
      if (slots.length > 0) yield { until: stretch.until, slots }
    }
    yield* super.stretches(told, until, difference)
  }

  override own(member: Member): Member {
    const { peerId, parent } = member.known.record
    if (this.#replaced.has(peerId) || this.#shared.get(peerId) !== member) return member
    const { first, second, place } = member
    const mark: Slot = { place, shown: false, first: 0, second: 0, next: undefined }
    this.#minus.put(mark)
    this.#minus.show(mark, [first, second])
    this.#replaced.add(peerId)
    if (parent === undefined) this.#replacedRoots++
    const copy = super.insert(member.known, 0)
    super.show(copy)
    return copy
  }

  #isReplaced(slot: Slot): boolean {
    return 'known' in slot && this.#replaced.has((slot as Member).known.record.peerId)
  }

  *#both(own: Iterable<Member>, shared: Iterable<Member>): Generator<Member> {
    yield* own
    for (const member of shared) if (!this.#replaced.has(member.known.record.peerId)) yield member
  }
}
