import type { Member } from './member.ts'
import type { Found, ReignSpan, Sight } from './sight.ts'

/** Bounds of the laws, in milliseconds. */
export interface LawBounds {
  /** From the end of an actor to the last registry that shows it. */
  readonly dead: number
  /** From the freezing of a root to the last registry that shows it. */
  readonly frozen: number
  /** From the end of an arbiter to the last root that takes it for one. */
  readonly deadArbiter: number
}

/** What is known of a root from outside. */
export type Observed = Readonly<
  Pick<Member, 'name' | 'id' | 'actors' | 'endedAt' | 'frozenAt' | 'awakeSince' | 'awake' | 'reigns'>
>

/** What must hold at every moment while roots are killed and frozen; what did not is written down. */
export class Laws {
  readonly broken: string[] = []
  /** Sights that missed an actor which was awake for long: no law, a measure of false alarms. */
  missed = 0
  looked = 0
  readonly #bounds: LawBounds
  /** By peer id of a root or one of its actors: the root. */
  readonly #owners = new Map<string, Observed>()
  readonly #members: Observed[] = []

  constructor(bounds: LawBounds) {
    this.#bounds = bounds
  }

  /** Takes a root that is ready, and its actors, under the laws. */
  add(member: Observed): void {
    this.#members.push(member)
    for (const id of [member.id, ...member.actors]) this.#owners.set(id, member)
  }

  checkSight(member: Observed, sight: Sight): void {
    this.looked++
    for (const { id, name } of sight.actors) this.#checkAlive(member, sight.at, id, `sees ${name}`, this.#bounds.dead)
    if (sight.arbiter !== null)
      this.#checkAlive(member, sight.at, sight.arbiter.id, 'has the arbiter', this.#bounds.deadArbiter)
    const seen = new Set(sight.actors.map(({ id }) => id))
    for (const other of this.#members) {
      const settled = sight.at - Math.max(other.awakeSince, member.awakeSince) > 2 * this.#bounds.dead
      if (other.awake && settled && !seen.has(other.id)) this.missed++
    }
  }

  checkFound(member: Observed, at: number, name: string, found: Found): void {
    if (found.id !== undefined) this.#checkAlive(member, at, found.id, `finds ${name}`, this.#bounds.dead)
  }

  /** Two leases that were valid at the same moment; call it at the end, when all reigns are known. */
  checkReigns(): void {
    const reigns = this.#members.flatMap((member) => member.reigns.map((span) => ({ member, ...lived(member, span) })))
    for (const [i, a] of reigns.entries()) {
      for (const b of reigns.slice(i + 1)) {
        const both = Math.min(a.until, b.until) - Math.max(a.from, b.from)
        if (a.member !== b.member && both > 0)
          this.broken.push(
            `${a.member.name} in term ${a.term} and ${b.member.name} in term ${b.term} held valid leases for ${both.toFixed(1)} ms together`,
          )
      }
    }
  }

  #checkAlive(member: Observed, at: number, id: string, what: string, bound: number): void {
    const owner = this.#owners.get(id)
    if (owner === undefined) return
    const [since, how, most] =
      owner.endedAt === undefined ? [owner.frozenAt, 'frozen', this.#bounds.frozen] : [owner.endedAt, 'dead', bound]
    if (since === undefined) return
    const late = at - Math.max(since, member.awakeSince)
    if (late > most)
      this.broken.push(
        `${member.name} ${what} (…${id.slice(-6)}) ${late.toFixed(0)} ms after it was ${how}, bound ${most}`,
      )
  }
}

/** A process that is gone rules no more, whatever its lease said. */
function lived({ endedAt = Infinity }: Observed, { term, from, until }: ReignSpan): ReignSpan {
  return { term, from, until: Math.min(until, endedAt) }
}
