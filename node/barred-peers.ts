/** Peers that are kept out at a time; the one that was barred first is let in when there are more. */
export const MAX_BARRED_PEERS = 1_024

/** Peers that are kept out, for a while or until that is taken back. */
export class BarredPeers {
  /** Until when, in the milliseconds of `performance.now()`; in the order in which they were barred. */
  readonly #until = new Map<string, number>()
  #banned: ReadonlySet<string> = new Set()

  /** @param ms milliseconds from now */
  bar(peer: string, ms: number): void {
    this.#until.delete(peer)
    this.#until.set(peer, performance.now() + ms)
    const [first] = this.#until.keys()
    if (this.#until.size > MAX_BARRED_PEERS) this.#until.delete(first!)
  }

  /** Replaces those that are kept out until that is taken back. */
  ban(peers: ReadonlySet<string>): void {
    this.#banned = peers
  }

  has(peer: string): boolean {
    if (this.#banned.has(peer)) return true
    const until = this.#until.get(peer)
    if (until === undefined) return false
    if (performance.now() < until) return true
    this.#until.delete(peer)
    return false
  }
}
