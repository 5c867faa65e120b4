import { outsideScopes } from '../node/cancel-scope.ts'

/** Milliseconds within which a frame that began has to be whole, and a peer to end its side of a stream that has ended. */
export const FRAME_TIMEOUT_MS = 10_000
const TICKS = 5

/** What waits for its peer's next bytes. */
export interface Stallable {
  /** They did not come in time. */
  onStall(): void
}

const watched = new Map<Stallable, number>()
let tick = 0
let timer: NodeJS.Timeout | undefined

/**
 * Calls `onStall` unless {@link unwatchStall} is called within {@link FRAME_TIMEOUT_MS}, or up to a fifth later. Who is
 * watched already begins anew.
 *
 * One timer serves all, because frames that arrive in several reads are frequent: no timer and no clock for each.
 */
export function watchStall(waiting: Stallable): void {
  watched.set(waiting, tick)
  timer ??= outsideScopes(() => setInterval(sweep, FRAME_TIMEOUT_MS / TICKS).unref())
}

export function unwatchStall(waiting: Stallable): void {
  watched.delete(waiting)
}

function sweep(): void {
  tick += 1
  for (const [waiting, since] of watched) {
    if (tick - since <= TICKS) continue
    watched.delete(waiting)
    waiting.onStall()
  }
  if (watched.size > 0) return
  clearInterval(timer)
  timer = undefined
}
