import type { Stream } from '@libp2p/interface'

/** Where a stream's bytes go past the events, when its owner asked for that by {@link onBytes}. */
export const TAKES_BYTES = Symbol('greenroom takes bytes')

/**
 * Calls a listener with the bytes of each message of a stream. Over the fast path it is called without an event, which
 * is where most of the time of a small message goes; over the stock path this is a `message` listener.
 */
export function onBytes(
  stream: Stream & { [TAKES_BYTES]?: (bytes: Uint8Array) => void },
  listener: (bytes: Uint8Array) => void,
): void {
  stream.addEventListener('message', (event) => listener(event.data.subarray()))
  stream[TAKES_BYTES] = listener
}
