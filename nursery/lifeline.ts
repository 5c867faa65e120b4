import { Worker } from 'node:worker_threads'
import { type ActorLimits, LIMIT_CHECK_MS, LIMIT_SIGNALS } from './limits.ts'

/** First file descriptor of the lifelines of a child: 0–2 are its standard streams, 3 is the private channel. */
export const FIRST_LIFELINE_FD = 4
/** Milliseconds that an actor has for its clean-up after an ancestor's death, before it kills itself. */
export const ORPHAN_GRACE_MS = 400
/** Levels of a tree of actors: each level inherits one more file descriptor. */
export const MAX_DEPTH = 64

/** File descriptors of this process's lifelines: one to each ancestor process, nearest first; none in a root. */
let inherited: number[] = []

/**
 * The standard-stream entries that give a child its lifelines.
 *
 * A lifeline is a socket pair of which an ancestor holds one end and does nothing with it. The kernel closes that end
 * when the ancestor dies, however it dies, and every descendant holds the other end. So no process of the tree depends
 * on another one being alive, or able to run JavaScript, to learn that it is an orphan.
 */
export function lifelinesForChild(): ('pipe' | number)[] {
  return ['pipe', ...inherited]
}

/**
 * Watches this process's lifelines, and what it uses, from a thread of its own, so that a busy main thread is no
 * excuse.
 *
 * @param count lifelines that the process was started with
 * @param limits over which the thread ends the process
 * @param onOrphaned called on the main thread, which then has {@link ORPHAN_GRACE_MS} until the thread kills the
 * process
 */
export function holdLifelines(count: number, limits: ActorLimits, onOrphaned: () => void): void {
  inherited = Array.from({ length: count }, (_, i) => FIRST_LIFELINE_FD + i)
  const worker = new Worker(WATCHER, {
    eval: true,
    workerData: { fds: inherited, graceMs: ORPHAN_GRACE_MS, limits, signals: LIMIT_SIGNALS, checkMs: LIMIT_CHECK_MS },
    execArgv: [],
    // it writes nothing: else the standard streams of the process would be made, to pass on what it does
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  })
  worker.once('message', onOrphaned)
  worker.unref()
}

const WATCHER = `
const { Socket } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
const { memoryMb, cpuSeconds } = workerData.limits
const usedSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
const look = () => {
  if (process.memoryUsage.rss() > memoryMb * 2 ** 20) process.kill(process.pid, workerData.signals.memoryMb)
  if (usedSeconds() > cpuSeconds) process.kill(process.pid, workerData.signals.cpuSeconds)
}
if (memoryMb !== undefined || cpuSeconds !== undefined) setInterval(look, workerData.checkMs)
let orphaned = false
for (const fd of workerData.fds) {
  const lifeline = new Socket({ fd, readable: true, writable: false })
  lifeline.on('error', () => {})
  lifeline.on('close', () => {
    if (orphaned) return
    orphaned = true
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData.graceMs)
    parentPort.postMessage('orphaned')
  })
  lifeline.resume()
}
`
