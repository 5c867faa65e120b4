import type { Stream } from '@libp2p/interface'
import type { ProtocolError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { FrameStream } from '../rpc/frame-stream.ts'
import { libp2pWire } from '../rpc/wire.ts'
import type { DiscoveryTraffic } from './traffic.ts'

/** Carries the version: a peer that speaks another one is refused by libp2p's protocol negotiation. */
export const DISCOVERY_PROTOCOL = '/greenroom/discovery/1'

/** Streams of one neighbour: one that each side opened, and as many again while a lost one is made anew. */
export const MAX_NEIGHBOUR_STREAMS = 4

export interface NeighbourEvents {
  onConnected(peer: string): void
  onDisconnected(peer: string): void
  /** `bytes` is the size of the message on the wire. */
  onMessage(peer: string, message: unknown, bytes: number): void
  /** What the peer sent is no frame. */
  onBreach(peer: string, error: ProtocolError): void
}

/**
 * The long-lived streams to neighbours.
 *
 * When both ends open one at a time there are two: the link lives as long as one of them does, and sends go over the
 * one that was heard last, since the other one may lead to where the neighbour no longer is. Closing just one of two
 * connections would cut gossip in one direction (js-libp2p #3531).
 */
export class Neighbours {
  readonly #host: Host
  readonly #events: NeighbourEvents
  readonly #traffic: DiscoveryTraffic
  readonly #streams = new Map<string, Set<FrameStream>>()
  readonly #opening = new Map<string, Promise<void>>()

  constructor(host: Host, traffic: DiscoveryTraffic, events: NeighbourEvents) {
    this.#traffic = traffic
    this.#host = host
    this.#events = events
  }

  /** Takes the streams that others open. */
  async listen(): Promise<void> {
    await this.#host.handle(DISCOVERY_PROTOCOL, (stream, peer) => this.#add(stream, peer))
  }

  /** Connects and opens a stream unless there is one. @throws Error when nobody, or somebody else, answers */
  async open(peer: string, addresses: readonly string[], withinMs: number): Promise<void> {
    if (this.#streams.has(peer)) return
    let opening = this.#opening.get(peer)
    if (opening === undefined) {
      opening = this.#dial(peer, addresses, withinMs).finally(() => this.#opening.delete(peer))
      this.#opening.set(peer, opening)
    }
    await opening
  }

  /** Dropped when there is no stream: the core hears of that as a disconnect. */
  send(peer: string, message: unknown): void {
    const streams = this.#streams.get(peer) ?? []
    for (const stream of streams instanceof Set && streams.size > 1 ? [...streams].toReversed() : streams) {
      if (stream.closed) continue
      try {
        this.#traffic.neighbourSentBytes += stream.send(message)
        this.#traffic.neighbourSent += 1
      } catch (error) {
        // A neighbour that does not read is no neighbour; the link is dialled anew.
        stream.abort(error as Error)
      }
      return
    }
  }

  /** Closes the streams to a peer, not the connection. */
  drop(peer: string): void {
    for (const stream of this.#streams.get(peer) ?? []) stream.abort(new Error('it is no neighbour any more'))
  }

  close(): void {
    for (const streams of this.#streams.values()) for (const stream of streams) stream.close()
  }

  async #dial(peer: string, addresses: readonly string[], withinMs: number): Promise<void> {
    const signal = AbortSignal.timeout(withinMs)
    const connection = await this.#host.connect(peer, addresses, signal)
    this.#add(await connection.newStream(DISCOVERY_PROTOCOL, { signal }), peer)
  }

  #add(libp2pStream: Stream, peer: string): void {
    const streams = this.#streams.get(peer) ?? new Set()
    if (streams.size >= MAX_NEIGHBOUR_STREAMS) {
      libp2pStream.abort(new Error(`${streams.size} streams of one neighbour are open`))
      return
    }
    const wire = libp2pWire(libp2pStream, { blame: (error) => this.#events.onBreach(peer, error) })
    const stream: FrameStream = new FrameStream(wire, {
      onFrame: (frame, bytes) => {
        this.#traffic.neighbourReceived += 1
        this.#traffic.neighbourReceivedBytes += bytes
        if (streams.size > 1 && streams.delete(stream)) streams.add(stream)
        this.#events.onMessage(peer, frame, bytes)
      },
      onClose: () => {
        streams.delete(stream)
        if (streams.size > 0 || this.#streams.get(peer) !== streams) return
        this.#streams.delete(peer)
        this.#events.onDisconnected(peer)
      },
    })
    streams.add(stream)
    this.#host.introduce(peer)
    if (streams.size > 1) return
    this.#streams.set(peer, streams)
    this.#events.onConnected(peer)
  }
}
