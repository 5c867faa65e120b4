import type { PeerHint } from '../../discovery/core/input.ts'
import { shuffled } from './rng.ts'
import type { Rng } from './rng.ts'

/**
 * Where roots find each other: a directory that all share, or so many seeds that each is configured with. Entries of
 * crashed programs stay until somebody finds them stale.
 */
export class Rendezvous {
  readonly #rng: Rng
  readonly #seeds: number | undefined
  readonly #entries = new Map<string, PeerHint>()

  constructor(rng: Rng, seeds: number | undefined) {
    this.#rng = rng
    this.#seeds = seeds
  }

  /** Whether those who are there hear of newcomers. */
  get isShared(): boolean {
    return this.#seeds === undefined
  }

  /** What a root hears of when it starts. */
  hintsFor(id: string): PeerHint[] {
    const hints = [...this.#entries.values()].filter(({ peerId }) => peerId !== id)
    if (this.#seeds === undefined) return hints
    const first = hints.slice(0, Math.max(this.#seeds, 1))
    return shuffled(this.#rng, first).map((hint) => ({ ...hint, eager: true }))
  }

  enter(hint: PeerHint): void {
    this.#entries.set(hint.peerId, hint)
  }

  /** Takes an entry out that somebody takes for stale; whether it was there. */
  forget(peerId: string, lives: boolean): boolean {
    // a seed is configured: who is wrong about it cannot take it away from others
    if (lives && !this.isShared) return false
    return this.#entries.delete(peerId)
  }

  leave(peerId: string): void {
    this.#entries.delete(peerId)
  }
}
