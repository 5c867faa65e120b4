import type { ProtocolError } from '../node/errors.ts'
import type { Misconduct } from './misconduct.ts'
import type { Stats } from './stats.ts'
import type { PeerTraffic, WireOwner } from './wire.ts'

/** Peers whose traffic is known at a time; the one first met is forgotten first, and begins anew. */
export const MAX_PEERS_IN_TRAFFIC = 1_024

/** Who hears of what happens on the wires to each peer. */
export class WireOwners {
  readonly #misconduct: Misconduct
  readonly #stats: Stats
  readonly #traffic = new Map<string, PeerTraffic>()

  constructor(misconduct: Misconduct, stats: Stats) {
    this.#misconduct = misconduct
    this.#stats = stats
  }

  of(peer: string): WireOwner {
    return {
      blame: (error: ProtocolError) => this.#misconduct.breach(peer, error),
      stats: this.#stats,
      traffic: this.#trafficOf(peer),
    }
  }

  #trafficOf(peer: string): PeerTraffic {
    let traffic = this.#traffic.get(peer)
    if (traffic !== undefined) return traffic
    traffic = { calls: 0 }
    this.#traffic.set(peer, traffic)
    if (this.#traffic.size > MAX_PEERS_IN_TRAFFIC) this.#traffic.delete(this.#traffic.keys().next().value!)
    return traffic
  }
}
