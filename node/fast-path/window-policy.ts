import type { MuxedStream } from './private-fields.ts'

/** The states of a yamux stream in which it has not told its peer yet that it opened, or accepted, the stream. */
const INIT = 0
const SYN_RECEIVED = 2
export const ESTABLISHED = 3
export const PAUSED = 5

/**
 * Lets a stream open its peer's window only when half of it is used; stock does so for each frame that comes in, which
 * costs a frame, a cipher call and a socket write each.
 *
 * A sender stops when the whole window is used, so it never waits for an update that is held back here.
 */
export function updateWindowByHalves(stream: MuxedStream): void {
  const stock = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    const { state } = stream
    // a SYN or an ACK travels in it; a paused stream sends none, which stock sees to
    if (state === INIT || state === SYN_RECEIVED || state === PAUSED || usedHalf(stream)) stock()
  }
}

function usedHalf(stream: MuxedStream): boolean {
  return stream.recvWindowCapacity * 2 <= stream.recvWindow
}
