/** Messages and bytes of discovery, since the actor started. */
export interface DiscoveryTraffic {
  /** By gossip, whoever it came from first; bytes are those of the messages, without what gossip itself adds. */
  gossipReceived: number
  gossipReceivedBytes: number
  gossipSent: number
  gossipSentBytes: number
  /** On the streams to neighbours. */
  neighbourReceived: number
  neighbourReceivedBytes: number
  neighbourSent: number
  neighbourSentBytes: number
}

export function newTraffic(): DiscoveryTraffic {
  return {
    gossipReceived: 0,
    gossipReceivedBytes: 0,
    gossipSent: 0,
    gossipSentBytes: 0,
    neighbourReceived: 0,
    neighbourReceivedBytes: 0,
    neighbourSent: 0,
    neighbourSentBytes: 0,
  }
}
