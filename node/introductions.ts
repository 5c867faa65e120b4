import type { Connection, PeerId } from '@libp2p/interface'

/** Of libp2p's registrar, what a service is given. */
interface Topology {
  readonly notifyOnLimitedConnection?: boolean
  onConnect?(peer: PeerId, connection: Connection): unknown
  onDisconnect?(peer: PeerId): unknown
}
export interface IntroductionComponents {
  readonly registrar: { getTopologies(protocol: string): Topology[] }
  readonly events: { addEventListener(type: 'peer:disconnect', listener: (event: CustomEvent<PeerId>) => void): void }
}

/**
 * Tells gossip who its neighbours are.
 *
 * Libp2p does so once a peer has been identified, which takes two streams, a signature and ten milliseconds of processor
 * time of an actor that starts, to learn protocols that every peer of a mesh speaks.
 */
export class Introductions {
  readonly #topologies: () => Set<Topology>
  readonly #introduced = new WeakSet<Connection>()

  /** @param protocols those of gossip */
  constructor({ registrar, events }: IntroductionComponents, protocols: readonly string[]) {
    this.#topologies = () => new Set(protocols.flatMap((protocol) => registrar.getTopologies(protocol)))
    // Libp2p tells of the end of peers that it knows the protocols of.
    events.addEventListener('peer:disconnect', ({ detail }) => {
      for (const topology of this.#topologies()) topology.onDisconnect?.(detail)
    })
  }

  introduce(connection: Connection): void {
    if (this.#introduced.has(connection)) return
    this.#introduced.add(connection)
    for (const topology of this.#topologies())
      if (connection.limits === undefined || topology.notifyOnLimitedConnection === true)
        topology.onConnect?.(connection.remotePeer, connection)
  }
}
