import type { ActorChange, ActorInfo, ArbiterChange } from '../../index.ts'

/** A member of the mesh as the audience sees it. */
export interface Member {
  readonly name: string
  readonly up: boolean
  readonly arbiter: boolean
  /** The actors that it started. */
  readonly actors: readonly Member[]
}

/** Who is up, as `watchActors` and `watchArbiter` tell it; those who have left stay until they are forgotten. */
export class Company {
  readonly #order: readonly string[]
  readonly #actors = new Map<string, ActorInfo>()
  readonly #gone = new Set<string>()
  #arbiter: string | undefined

  /** @param order names of the programs, in the order in which they are shown */
  constructor(order: readonly string[]) {
    this.#order = order
  }

  onActor({ type, actor }: ActorChange): void {
    if (type === 'down') this.#gone.add(actor.id)
    else this.#actors.set(actor.id, actor)
  }

  onArbiter({ actor }: ArbiterChange): void {
    this.#arbiter = actor?.id
  }

  forgetGone(): void {
    for (const id of this.#gone) this.#actors.delete(id)
    this.#gone.clear()
  }

  /** The programs, each with its actors below it. */
  members(): Member[] {
    return this.#below(undefined).toSorted((a, b) => this.#order.indexOf(a.name) - this.#order.indexOf(b.name))
  }

  #below(parent: string | undefined): Member[] {
    return [...this.#actors.values()]
      .filter((actor) => actor.parent === parent)
      .map(({ id, name }) => ({
        name,
        up: !this.#gone.has(id),
        arbiter: id === this.#arbiter,
        actors: this.#below(id),
      }))
  }
}
