import { describeError, ProtocolError } from '../node/errors.ts'
import type { CallingHost } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import type { Stats } from './stats.ts'

/** Breaches of the protocol that one peer is allowed within {@link STRIKES_WINDOW_MS}; one more drops it. */
export const MAX_STRIKES = 8
/** Milliseconds after which a strike is forgotten. */
export const STRIKES_WINDOW_MS = 10_000
/** Milliseconds for which a dropped peer is kept out. */
export const BAN_MS = 10_000
/** Streams of one peer refused for a limit that make one strike: a busy peer may run into a limit, and learns of it. */
export const REFUSED_STREAMS_PER_STRIKE = 128
/** Peers whose strikes are counted at a time; the one whose last strike is longest ago is forgotten first. */
export const MAX_WATCHED_PEERS = 1_024

interface Conduct {
  /** When each strike was, in the milliseconds of `performance.now()`. */
  strikes: number[]
  refusedStreams: number
}

/**
 * Counts what peers do against the protocol, and drops those that go on.
 *
 * A breach is what no peer of this version sends: bytes that are no frame, or a frame that may not come at that point.
 * What can happen to an honest one is none: late frames, cut streams, lost connections, and waiting.
 */
export class Misconduct {
  /** Hears of every breach. */
  onBreach: ((peer: string, error: ProtocolError) => void) | undefined
  readonly #drop: CallingHost['drop']
  readonly #stats: Stats
  readonly #peers = new Map<string, Conduct>()
  readonly #log = areaLog('rpc')

  constructor(drop: CallingHost['drop'], stats: Stats) {
    this.#drop = drop
    this.#stats = stats
  }

  /** What a peer sent broke the protocol. */
  breach(peer: string, error: ProtocolError): void {
    this.#stats.protocolErrors += 1
    this.#log.debug(`${peer.slice(-8)} broke the protocol: ${describeError(error)}`)
    this.onBreach?.(peer, error)
    this.#strike(peer, this.#conductOf(peer), error)
  }

  /** A peer was cut off because of how many streams it opened in one go: no later breach is needed to drop it. */
  flood(peer: string): void {
    this.#stats.protocolErrors += 1
    const error = new ProtocolError('it opened more streams in one go than an actor does')
    this.onBreach?.(peer, error)
    this.#expel(peer, error)
  }

  /** A stream of a peer was refused because the peer has as many as it may have. */
  streamRefused(peer: string): void {
    this.#stats.streamsRefused += 1
    const conduct = this.#conductOf(peer)
    conduct.refusedStreams += 1
    if (conduct.refusedStreams % REFUSED_STREAMS_PER_STRIKE !== 0) return
    this.#strike(peer, conduct, new ProtocolError(`${conduct.refusedStreams} streams were opened above the limits`))
  }

  #strike(peer: string, conduct: Conduct, error: ProtocolError): void {
    const now = performance.now()
    conduct.strikes = conduct.strikes.filter((at) => now - at < STRIKES_WINDOW_MS)
    conduct.strikes.push(now)
    if (conduct.strikes.length > MAX_STRIKES) this.#expel(peer, error)
  }

  #expel(peer: string, error: ProtocolError): void {
    this.#peers.delete(peer)
    this.#stats.peersDropped += 1
    this.#log.warn(
      `${peer.slice(-8)} is kept out for ${BAN_MS} ms: it broke the protocol and went on, at last ${describeError(error)}`,
    )
    this.#drop(peer, error, BAN_MS)
  }

  #conductOf(peer: string): Conduct {
    const conduct = this.#peers.get(peer) ?? { strikes: [], refusedStreams: 0 }
    // Set anew, so that the map is in the order of the last strikes.
    this.#peers.delete(peer)
    this.#peers.set(peer, conduct)
    const [first] = this.#peers.keys()
    if (this.#peers.size > MAX_WATCHED_PEERS) this.#peers.delete(first!)
    return conduct
  }
}
