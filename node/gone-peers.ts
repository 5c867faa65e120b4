import type { Libp2p, PeerId } from '@libp2p/interface'

/**
 * Forgets every peer whose last connection has closed.
 *
 * Libp2p's peer store keeps for ever what it may need to dial a peer again: some 20 KB of each, since the few bytes of an
 * entry keep a whole slab of Node's buffer pool. Here whoever dials says the addresses.
 */
export function forgetGonePeers(node: Libp2p): void {
  node.addEventListener('peer:disconnect', ({ detail }) => forgetIfGone(node, detail))
}

/** Forgets a peer that is not connected, one that could not be dialled, say. */
export function forgetIfGone(node: Libp2p, peer: PeerId): void {
  // after those who hear of its end as well, and note something of it
  setImmediate(() => {
    if (node.getConnections(peer).length === 0) node.peerStore.delete(peer).catch(() => {})
  })
}
