import type { ActorRecord } from '../record.ts'
import type { Change, Gone } from './change.ts'
import { Elders } from './elders.ts'
import type { Known } from './fact.ts'
import type { CoreLimits } from './limits.ts'
import type { Member, Members } from './members.ts'
import { sameTexts } from './version.ts'

const nothing: readonly never[] = []

/**
 * Which of the kept records show: an actor is *visible* while it and every parent above it is alive, and no parent is
 * younger than its child.
 *
 * That is derived and never merged, so that the subtree of a wrongly accused root comes back with the root's one
 * refutation.
 */
export class Visibility {
  readonly #members: Members
  readonly #elders: Elders
  readonly #limits: CoreLimits

  constructor(members: Members, limits: CoreLimits) {
    this.#members = members
    this.#limits = limits
    this.#elders = new Elders(limits.committee)
    for (const root of this.#rootsUp()) this.#elders.add(root)
  }

  /** The oldest roots that are up, oldest first. */
  elders(): readonly ActorRecord[] {
    return this.#elders.first(() => this.#rootsUp())
  }

  /** Takes a record in, in the place of an earlier one of the same actor. */
  put(known: Known, now: number, changes: Change[]): void {
    const { record } = known
    const before = this.#members.get(record.peerId)
    const previous = before?.shown === true ? before.known.record : undefined
    let member: Member
    if (before === undefined) member = this.#members.insert(known, now)
    else if (previous !== undefined && isAlike(previous, record)) {
      this.#refresh(this.#members.own(before), known)
      changes.push({ type: 'updated', record, previous })
      return
    } else {
      member = this.#members.own(before)
      // a record that stays hidden must not be kept for ever by being told again and again
      if (member.shown) this.#hide(member, now)
      this.#members.exchange(member, known)
    }
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
  #refresh(member: Member, known: Known): void {
    const before = member.known.record
    const { record } = known
    this.#members.refresh(member, known)
    if (record.parent !== undefined) return
    this.#elders.delete(before)
    if (record.status === 'up') this.#elders.add(record)
  }

  /** Takes an actor out. */
  remove(found: Member, why: Gone, now: number, changes: Change[]): void {
    const member = this.#members.own(found)
    const { record } = member.known
    if (member.shown) {
      changes.push({ type: 'down', record, why })
      this.#hide(member, now)
    }
    this.#members.forget(member)
    this.#settleBelow(record.peerId, now, changes)
  }

  /** Shows or hides what stands below an actor, after the actor itself changed. */
  #settleBelow(peerId: string, now: number, changes: Change[]): void {
    const queue = [...this.#members.children(peerId)]
    for (let index = 0; index < queue.length; index++) {
      const member = queue[index]
      if (member === undefined) continue
      const { record } = member.known
      const alive = this.#isAlive(record)
      if (alive === member.shown) continue
      if (alive) {
        this.#show(this.#members.own(member))
        changes.push({ type: 'up', record })
      } else {
        this.#hide(this.#members.own(member), now)
        changes.push({ type: 'down', record, why: 'subtree' })
      }
      for (const child of this.#members.children(record.peerId)) queue.push(child)
    }
  }

  #isAlive(record: ActorRecord): boolean {
    if (record.parent === undefined) return true
    const above = this.#members.get(record.parent)
    const parent = above?.shown === true ? above.known.record : undefined
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
    this.#members.show(member)
    if (record.parent === undefined && record.status === 'up') this.#elders.add(record)
  }

  #hide(member: Member, now: number): void {
    const { record } = member.known
    this.#members.hide(member, now)
    if (record.parent === undefined) this.#elders.delete(record)
  }

  *#rootsUp(): Generator<ActorRecord> {
    for (const { known } of this.#members.roots()) if (known.record.status === 'up') yield known.record
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
