import { type ActorVitals, type MemberSnapshot, readVitals } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { MeshModel } from './mesh-model.ts'

/** Actors that are asked how they are in one round, those that were asked longest ago first: what looking costs a mesh. */
export const MAX_ASKED_A_ROUND = 64
/** Milliseconds that they have to answer. */
const ROUND_MS = 800

export interface ReadOptions {
  /** Asked in each round in any case: what a person looks at. */
  readonly first?: readonly string[]
  readonly timeoutMs?: number
}

/** Keeps a model of a mesh up to date: asks in rounds, at whatever pace somebody calls it, and takes in what happens. */
export class MeshReader {
  readonly model: MeshModel = new MeshModel()
  readonly #sight: MeshSight

  constructor(sight: MeshSight) {
    this.#sight = sight
  }

  /** One round: who is there, how some of them are, and how far the roots are. */
  async read({ first = [], timeoutMs = ROUND_MS }: ReadOptions = {}): Promise<void> {
    const { model } = this
    const sight = this.#sight
    await sight.refresh()
    model.takeMembers(sight.members(), sight.arbiter(), Date.now())
    const chosen = this.#choose(first)
    const answers = await askAll(chosen, async (member) => await this.#ask(member), timeoutMs)
    for (const [i, { id }] of chosen.entries()) {
      const { value, silent } = answers[i]!
      if (value === undefined) model.takeSilence(id, silent ?? '', Date.now())
      else {
        model.takeVitals(id, value.vitals, Date.now())
        if (value.rttMs !== undefined) model.takeRoundTrip(id, value.rttMs)
      }
    }
  }

  #choose(first: readonly string[]): MemberSnapshot[] {
    const waiting = this.model.actors.toSorted((a, b) => a.askedAt - b.askedAt).map(({ member }) => member)
    const wanted = first.flatMap((id) => this.model.actor(id)?.member ?? [])
    return [...new Set([...wanted, ...waiting])].slice(0, MAX_ASKED_A_ROUND)
  }

  async #ask(member: MemberSnapshot): Promise<{ readonly vitals: ActorVitals; readonly rttMs: number | undefined }> {
    const portal = this.#sight.portal(member)
    return { vitals: await readVitals(portal), rttMs: member.parent === null ? await portal.ping() : undefined }
  }
}
