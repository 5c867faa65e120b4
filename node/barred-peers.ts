/** Peers that are kept out at a time; the one that was barred first is let in when there are more. */
export const MAX_BARRED_PEERS = 1_024

/** Peers that are kept out for a while. */
export class BarredPeers {
  /** Until when, in the milliseconds of `performance.now()`; in the order in which they were barred. */
  readonly #until = new Map<string, number>()

  /** @param ms milliseconds from now */
  bar(peer: string, ms: number): void {
    this.#until.delete(peer)
    this.#until.set(peer, performance.now() + ms)
    const [first] = this.#until.keys()
    if (this.#until.size > MAX_BARRED_PEERS) this.#until.delete(first!)
  }

  has(peer: string): boolean {
    const until = this.#until.get(peer)
    if (until === undefined) return false
    if (performance.now() < until) return true
    this.#until.delete(peer)
    return false
  }
}
