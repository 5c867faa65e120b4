import type { Stream } from '@libp2p/interface'
import { noteBuffer } from '../young-memory.ts'

/** Where a stream's bytes go past the events, when its owner asked for that by {@link onBytes}. */
export const TAKES_BYTES = Symbol('greenroom takes bytes')
/** Set by the fast path: sends bytes in parts if it can do so at once, and keeps none of them. */
export const SENDS_PARTS = Symbol('greenroom sends parts')

/** Takes bytes that a stream received; `false` says that it does not use their memory any more. */
export type BytesListener = (bytes: Uint8Array) => unknown

/** False asks to wait for a drain; nothing was sent when it gives nothing. */
export type PartsSender = (parts: readonly Uint8Array[], bytes: number) => boolean | undefined

/**
 * Calls a listener with the bytes of each message of a stream. Over the fast path it is called without an event, which
 * is where most of the time of a small message goes; over the stock path this is a `message` listener.
 */
export function onBytes(stream: Stream & { [TAKES_BYTES]?: BytesListener }, listener: BytesListener): void {
  stream.addEventListener('message', ({ data }) => {
    // What the socket read and what was deciphered of it lie in buffers of their own, which only the collector frees.
    noteBuffer(2 * data.byteLength)
    if (data instanceof Uint8Array) listener(data)
    else for (const part of data) listener(part)
  })
  stream[TAKES_BYTES] = listener
}

/**
 * Sends bytes that lie in several places without joining them; they may be written again as soon as it returns.
 *
 * @returns false to wait for a drain; nothing, with nothing sent, when the fast path cannot do it right now
 */
export function sendParts(
  stream: Stream & { [SENDS_PARTS]?: PartsSender },
  parts: readonly Uint8Array[],
  bytes: number,
): boolean | undefined {
  return stream[SENDS_PARTS]?.(parts, bytes)
}
