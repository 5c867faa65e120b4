import { afterEach, beforeEach } from 'vitest'
import { eventually } from './eventually.ts'
import { watchProcesses } from './process-watcher.ts'
import { rootsLeft } from './runtime-dir.ts'

/**
 * Ends every test of the file, or of the `describe` block, with the law of this project: no child process, no timer,
 * socket or file handle beyond those at the start, no root in the test's runtime directory.
 *
 * @param ms milliseconds on an idle machine in which everything has to be gone; default 3,000
 */
export function expectNothingLeft(ms = 3_000): void {
  let check: (() => Promise<void>) | undefined
  beforeEach(() => {
    check = watchLeftovers(ms)
  })
  afterEach(async () => await check?.())
}

/**
 * Remembers what this process holds now; the returned function waits until it holds no more than that.
 *
 * @throws Error naming what is left
 */
export function watchLeftovers(ms = 3_000): () => Promise<void> {
  const processes = watchProcesses()
  const before = countResources()
  return async () => {
    await processes.expectNoneLeft(ms)
    await eventually('nothing is left', () => expectEmpty([...resourcesBeyond(before), ...rootsLeft()]), ms)
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
