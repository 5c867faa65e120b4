import { type ActorVitals, type MemberSnapshot, readVitals } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { MeshModel } from './mesh-model.ts'

/** Actors that are asked how they are in one round: what looking costs a mesh, however large it is. */
export const MAX_ASKED_A_ROUND = 64
/** Actors that nobody looks at and that are asked in a round all the same, those that were asked longest ago. */
export const MAX_UNSEEN_A_ROUND = 8
/** Milliseconds after which it is asked again who is there, though nothing was heard that has changed it. */
export const REFRESH_MS = 5_000
/** Milliseconds between two round trips to a root. */
export const ROUND_TRIP_MS = 5_000
/** Milliseconds that they have to answer. */
const ROUND_MS = 800

export interface ReadOptions {
  /** Is asked for everything that it tells of itself: what a person looks closely at. */
  readonly closely?: string | undefined
  /** What a person sees now; default everybody, within the bound of a round. */
  readonly seen?: readonly string[]
  /** How many are asked at most; default 64. */
  readonly most?: number
  readonly timeoutMs?: number
}

interface Reading {
  readonly vitals: ActorVitals
  readonly rttMs: number | undefined
}

/** Keeps a model of a mesh up to date: asks in rounds, at whatever pace somebody calls it, and takes in what happens. */
export class MeshReader {
  readonly model: MeshModel = new MeshModel()
  readonly #sight: MeshSight
  readonly #pingedAt = new Map<string, number>()
  #refreshedAt = -Infinity

  constructor(sight: MeshSight) {
    this.#sight = sight
  }

  /** Who is there is asked in the next round: something has changed that. */
  expectChange(): void {
    this.#refreshedAt = -Infinity
  }

  /** One round: who is there, how some of them are, and how far the roots are. */
  async read(options: ReadOptions = {}): Promise<void> {
    const { model } = this
    await this.#refresh()
    const chosen = this.#choose(options)
    const ask = async (member: MemberSnapshot): Promise<Reading> =>
      await this.#ask(member, member.id === options.closely)
    const answers = await askAll(chosen, ask, options.timeoutMs ?? ROUND_MS)
    for (const [i, { id }] of chosen.entries()) {
      const { value, silent } = answers[i]!
      if (value === undefined) model.takeSilence(id, silent ?? '', Date.now())
      else {
        model.takeVitals(id, value.vitals, Date.now())
        if (value.rttMs !== undefined) model.takeRoundTrip(id, value.rttMs)
      }
    }
  }

  async #refresh(): Promise<void> {
    const now = performance.now()
    if (now - this.#refreshedAt < REFRESH_MS) return
    this.#refreshedAt = now
    try {
      await this.#sight.refresh()
    } catch (error) {
      this.expectChange()
      throw error
    }
    this.model.takeMembers(this.#sight.members(), this.#sight.arbiter(), Date.now())
    for (const id of this.#pingedAt.keys()) if (this.model.actor(id) === undefined) this.#pingedAt.delete(id)
  }

  #choose({ closely, seen, most = MAX_ASKED_A_ROUND }: ReadOptions): MemberSnapshot[] {
    const waiting = this.model.actors.toSorted((a, b) => a.askedAt - b.askedAt).map(({ member }) => member)
    const wanted = [...(closely === undefined ? [] : [closely]), ...(seen ?? [])].flatMap(
      (id) => this.model.actor(id)?.member ?? [],
    )
    const known = new Set(wanted)
    const unseen = waiting.filter((member) => !known.has(member))
    return [...known, ...(seen === undefined ? unseen : unseen.slice(0, MAX_UNSEEN_A_ROUND))].slice(0, most)
  }

  async #ask(member: MemberSnapshot, closely: boolean): Promise<Reading> {
    const portal = this.#sight.portal(member)
    const vitals = await readVitals(portal, { brief: !closely })
    return { vitals, rttMs: this.#isFar(member) ? await portal.ping() : undefined }
  }

  /** Whether the way to it is measured now: that to a root, now and then. */
  #isFar({ id, parent }: MemberSnapshot): boolean {
    const now = performance.now()
    if (parent !== null || now - (this.#pingedAt.get(id) ?? -Infinity) < ROUND_TRIP_MS) return false
    this.#pingedAt.set(id, now)
    return true
  }
}
