import { type MemberSnapshot, readVitals } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { MeshModel } from './mesh-model.ts'

/** Actors that are asked how they are in one round: what looking costs a mesh, however large it is. */
export const MAX_ASKED_A_ROUND = 64
/** Actors that nobody looks at and that are asked in a round all the same, those that were asked longest ago. */
export const MAX_UNSEEN_A_ROUND = 8
/** Questions a second, of all actors below a root and itself: what looking costs a host, whatever runs there and how often one looks. */
export const MAX_ASKED_A_SECOND_A_HOST = 3
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
  /** Whether no host is spared: for who asks only once or twice. */
  readonly unsparing?: boolean
  readonly timeoutMs?: number
}

/** Keeps a model of a mesh up to date: asks in rounds, at whatever pace somebody calls it, and takes in what happens. */
export class MeshReader {
  readonly model: MeshModel = new MeshModel()
  readonly #sight: MeshSight
  readonly #pingedAt = new Map<string, number>()
  /** Of each root, the questions that it may be asked now, and when that was so. */
  readonly #budgets = new Map<string, { readonly left: number; readonly at: number }>()
  #refreshedAt = -Infinity

  readonly #onChange: () => void

  /** @param onChange called when something was learnt within a round */
  constructor(sight: MeshSight, onChange: () => void = () => {}) {
    this.#sight = sight
    this.#onChange = onChange
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
    const timeoutMs = options.timeoutMs ?? ROUND_MS
    const ask = async (member: MemberSnapshot): Promise<void> =>
      await this.#ask(member, member.id === options.closely, timeoutMs)
    const answers = await askAll(chosen, ask, timeoutMs)
    for (const [i, { id }] of chosen.entries()) {
      const { silent } = answers[i]!
      if (silent !== undefined) model.takeSilence(id, silent, Date.now())
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
    for (const ofRoots of [this.#pingedAt, this.#budgets])
      for (const id of ofRoots.keys()) if (this.model.actor(id) === undefined) ofRoots.delete(id)
  }

  #choose({ closely, seen, most = MAX_ASKED_A_ROUND, unsparing = false }: ReadOptions): MemberSnapshot[] {
    const waiting = this.model.actors.toSorted((a, b) => a.askedAt - b.askedAt).map(({ member }) => member)
    const isSeen = new Set(seen)
    const [inSight, unseen] = [[] as MemberSnapshot[], [] as MemberSnapshot[]]
    for (const member of waiting)
      if (member.id !== closely) (seen === undefined || isSeen.has(member.id) ? inSight : unseen).push(member)
    const first = closely === undefined ? undefined : this.model.actor(closely)?.member
    const chosen = first === undefined ? [] : [first]
    if (first !== undefined) this.#mayAsk(first)
    for (const [members, bound] of [
      [inSight, most],
      [unseen, MAX_UNSEEN_A_ROUND],
    ] as const) {
      let left = Math.min(bound, most - chosen.length)
      for (const member of members) {
        if (left === 0) break
        if (!unsparing && !this.#mayAsk(member)) continue
        chosen.push(member)
        left -= 1
      }
    }
    return chosen
  }

  /** Whether its host has not been asked too much lately; then this question counts. */
  #mayAsk({ root }: MemberSnapshot): boolean {
    const now = performance.now()
    const { left, at } = this.#budgets.get(root) ?? { left: MAX_ASKED_A_SECOND_A_HOST, at: now }
    const most = Math.min(MAX_ASKED_A_SECOND_A_HOST, left + ((now - at) * MAX_ASKED_A_SECOND_A_HOST) / 1_000)
    const may = most >= 1
    this.#budgets.set(root, { left: may ? most - 1 : most, at: now })
    return may
  }

  async #ask(member: MemberSnapshot, closely: boolean, timeoutMs: number): Promise<void> {
    const { model } = this
    const { id } = member
    // a call that is given up waits for who is called to hear of that, and who is silent is shown before
    const late = setTimeout(() => {
      model.takeSilence(id, `no answer within ${timeoutMs} ms`, Date.now())
      this.#onChange()
    }, timeoutMs)
    try {
      const portal = this.#sight.portal(member)
      const vitals = await readVitals(portal, { brief: !closely })
      model.takeVitals(id, vitals, Date.now())
      if (this.#isFar(member)) model.takeRoundTrip(id, await portal.ping())
    } finally {
      clearTimeout(late)
    }
  }

  /** Whether the way to it is measured now: that to a root, now and then. */
  #isFar({ id, parent }: MemberSnapshot): boolean {
    const now = performance.now()
    if (parent !== null || now - (this.#pingedAt.get(id) ?? -Infinity) < ROUND_TRIP_MS) return false
    this.#pingedAt.set(id, now)
    return true
  }
}
