import { type ProcessWatcher, watchProcesses as watchAll } from '../../testing/process-watcher.ts'
import { deadline } from './headroom.ts'

export { isAlive } from '../../testing/process-watcher.ts'

/** Remembers which descendants this process has now. Bounds are milliseconds on an idle machine, default 3,000. */
export function watchProcesses(): ProcessWatcher {
  const watcher = watchAll()
  return {
    list: () => watcher.list(),
    expectNoneLeft: async (ms = 3_000) => await watcher.expectNoneLeft(deadline(ms)),
  }
}
