import type { ActorRef } from '../node/errors.ts'

/** Changes of the arbiter that an actor remembers; the oldest gives way. */
export const MAX_KEPT_REIGNS = 32

/** Who ruled from when on, as one actor learnt of it; plain data. */
export interface ReignSnapshot {
  /** When this actor learnt of it: milliseconds since 1970. */
  readonly since: number
  readonly term: number
  /** Null while nobody ruled. */
  readonly arbiter: ActorRef | null
  /** It said that it saw less than half of what it saw before. */
  readonly provisional: boolean
}

/** The arbiters that an actor has known, the latest last. */
export class Reigns {
  readonly #kept: ReignSnapshot[] = []

  note(reign: ReignSnapshot): void {
    this.#kept.push(reign)
    if (this.#kept.length > MAX_KEPT_REIGNS) this.#kept.shift()
  }

  list(): readonly ReignSnapshot[] {
    return [...this.#kept]
  }
}
