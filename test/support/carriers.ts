import type { Worker } from 'node:worker_threads'
import { isAlive } from './process-watcher.ts'

/** The process, and the thread in it, that an actor runs in. */
export interface CarriedBy {
  readonly pid: number
  /** 0 for the main thread. */
  readonly threadId: number
}

const threads = new Set<number>()
process.on('worker', (worker: Worker) => {
  const { threadId } = worker
  threads.add(threadId)
  worker.once('exit', () => threads.delete(threadId))
})

/** Whether what carried an actor is still there: its process, or its thread of this process. */
export function isUp({ pid, threadId }: CarriedBy): boolean {
  return pid === process.pid ? threads.has(threadId) : isAlive(pid)
}
