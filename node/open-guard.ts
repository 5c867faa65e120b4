import type { StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'

/** Streams that a peer may open on one connection in one go; an actor waits for the answers to 64 at a time. */
export const MAX_OPENS_AT_ONCE = 256
/** Streams a second by which that fills up again: more than a peer can open that waits for each to be accepted. */
export const OPENS_PER_SECOND = 10_000

/** As much of `YamuxMuxer` as the guard needs; without the private field there is no guard. */
interface Opening {
  incomingStream?: (id: number) => void
}

/**
 * Watches how fast the peers of multiplexers open streams: each one opened costs this side a tenth of a millisecond
 * of work before anything can be known of it, and costs the peer twelve bytes.
 *
 * A token bucket; who empties it is cut off.
 *
 * @param onFlood hears of the multiplexer whose peer did that, before it is aborted
 */
export function guardOpens(make: () => StreamMuxerFactory, onFlood: (muxer: object) => void): () => StreamMuxerFactory {
  return () => {
    const factory = make()
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const muxer: StreamMuxer & Opening = createStreamMuxer(connection)
      const open = muxer.incomingStream?.bind(muxer)
      if (open === undefined) return muxer
      let tokens = MAX_OPENS_AT_ONCE
      let filledAt = performance.now()
      muxer.incomingStream = (id) => {
        if (muxer.status !== 'open') return
        const now = performance.now()
        tokens = Math.min(MAX_OPENS_AT_ONCE, tokens + ((now - filledAt) / 1_000) * OPENS_PER_SECOND)
        filledAt = now
        tokens -= 1
        if (tokens >= 0) return open(id)
        const reason = new Error(`more than ${MAX_OPENS_AT_ONCE} streams were opened in one go`)
        onFlood(muxer)
        muxer.abort(reason)
        connection.abort(reason)
      }
      return muxer
    }
    return factory
  }
}
