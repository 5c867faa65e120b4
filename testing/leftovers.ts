import { eventually } from './eventually.ts'
import { watchProcesses } from './process-watcher.ts'

/**
 * Remembers what this process holds now: processes below it, sockets, handles, timers. The returned function waits until it holds
 * no more than that. Leaving what it returns to the end of each test is the whole of it:
 *
 * @param ms milliseconds in which everything has to be gone; default 5,000
 * @returns the check, to be called at the end; it throws an Error that names what is left, and kills what is left of processes
 * @example
 * ```ts
 * import { beforeEach } from 'vitest'
 *
 * // vitest calls what a hook returns when the test is over; with node:test: t.after(watchLeftovers())
 * beforeEach(() => watchLeftovers())
 * ```
 */
export function watchLeftovers(ms = 5_000): () => Promise<void> {
  const processes = watchProcesses()
  const before = countResources()
  return async () => {
    await processes.expectNoneLeft(ms)
    await eventually('nothing is left', () => expectEmpty(resourcesBeyond(before)), ms)
  }
}

/** What keeps the event loop of this process alive, by kind, as in `Timeout`, `TCPSocketWrap`, `FSReqCallback`. */
function countResources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

function resourcesBeyond(before: ReadonlyMap<string, number>): string[] {
  return [...countResources()]
    .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
    .filter(([, more]) => more > 0)
    .map(([kind, more]) => `${more} × ${kind}`)
}

function expectEmpty(left: readonly string[]): true {
  if (left.length > 0) throw new Error(`there is ${left.join(', ')}`)
  return true
}
