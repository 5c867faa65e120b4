import type { Input } from '../../discovery/core/input.ts'
import type { KeptVotes } from '../../discovery/core/quorum.ts'
import type { SimulatedActor } from './actor.ts'
import { between } from './rng.ts'
import type { Rng } from './rng.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Milliseconds of a write that lasts: mostly few, on a busy disk many. */
const write = { usual: 8, rare: 400, rarely: 0.05 }

/**
 * What electors keep, by name. A write takes its time; one that is under way when its process dies may have happened or
 * not, and one that is under way when the power goes has not.
 */
export class Disks {
  readonly #clock: VirtualClock
  readonly #rng: Rng
  readonly #give: (actor: SimulatedActor, input: Input) => void
  readonly #kept = new Map<string, KeptVotes>()
  readonly #writing = new Map<SimulatedActor, { readonly id: number; readonly votes: KeptVotes }>()
  readonly #full = new Set<string>()

  constructor(clock: VirtualClock, rng: Rng, give: (actor: SimulatedActor, input: Input) => void) {
    this.#clock = clock
    this.#rng = rng
    this.#give = give
  }

  read(name: string): KeptVotes | undefined {
    return this.#kept.get(name)
  }

  /** Loses what was kept. */
  wipe(name: string): void {
    this.#kept.delete(name)
  }

  /** Lets writes fail; gives what ends that. */
  fill(name: string): () => void {
    this.#full.add(name)
    return () => this.#full.delete(name)
  }

  write(actor: SimulatedActor, id: number, votes: KeptVotes): void {
    const writing = { id, votes }
    this.#writing.set(actor, writing)
    const most = this.#rng() < write.rarely ? write.rare : write.usual
    this.#clock.after(between(this.#rng, 0.1, most), () => {
      if (this.#writing.get(actor) !== writing) return
      this.#writing.delete(actor)
      const full = this.#full.has(actor.name)
      if (!full) this.#kept.set(actor.name, votes)
      this.#give(actor, { type: full ? 'persistFailed' : 'persisted', id })
    })
  }

  onEnd(actor: SimulatedActor, powerLost: boolean): void {
    const writing = this.#writing.get(actor)
    this.#writing.delete(actor)
    if (writing !== undefined && !powerLost && this.#rng() < 0.5) this.#kept.set(actor.name, writing.votes)
  }
}
