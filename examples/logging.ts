// See what the heck is going on: log lines from here and from the child, down to the trace of the library itself.
import { currentActor, expose, getConsoleLog, openNursery, run } from '../index.ts'

export function whisper(): void {
  currentActor().log.trace('a line from the child')
}
expose(import.meta, { whisper })

if (import.meta.main) {
  const log = getConsoleLog('trace')
  await run(() =>
    openNursery(async (nursery) => {
      log.info('a line from the parent')
      const child = await nursery.runInActor('child', whisper)
      await child.result()
      log.trace('the child has whispered')
    }),
  )
}
