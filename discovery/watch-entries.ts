import { watch } from 'node:fs'

/**
 * Reads a directory now, whenever the file system tells of a change, and at least every `rescan` milliseconds, one
 * reading at a time; gives the function that stops it. Keeps no process alive by itself.
 */
export function watchEntries<Entries>(
  directory: string,
  rescan: number,
  read: () => Promise<Entries>,
  deliver: (entries: Entries) => void,
): () => void {
  let stopped = false
  let reading = false
  let again = false
  const run = async (): Promise<void> => {
    if (stopped) return
    again = reading
    if (reading) return
    reading = true
    // what cannot be read now is read the next time
    const entries = await read().catch(() => undefined)
    reading = false
    if (entries !== undefined && !stopped) deliver(entries)
    if (again) await run()
  }
  const wake = (): void => void run()
  let watcher: ReturnType<typeof watch> | undefined
  try {
    watcher = watch(directory, { persistent: false }, wake)
    // for instance the limit on inotify watches: the rescan is enough
    watcher.on('error', () => watcher?.close())
  } catch {
    watcher = undefined
  }
  const timer = setInterval(wake, rescan)
  timer.unref()
  wake()
  return () => {
    stopped = true
    clearInterval(timer)
    watcher?.close()
  }
}
