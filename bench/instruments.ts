import { writeFile } from 'node:fs/promises'
import type { Session } from 'node:inspector/promises'

/** What the bench asks a process about itself; both ends of every pair can answer. */
export type Question = 'allocated' | 'cpu' | 'memory' | 'startProfile' | { readonly profileInto: string }

/** Microseconds between two samples of a profile. */
const SAMPLING_US = 200

let session: Session | undefined

/**
 * `cpu`: microseconds of processor time that this process has used. `allocated`: bytes that V8 has ever allocated on the heap of this process. `memory`: its resident bytes. The others
 * begin a CPU profile of this process and write it into a file.
 */
export async function answer(question: Question): Promise<number> {
  if (question === 'allocated') return process.getBuiltinModule('node:v8').getHeapStatistics().total_allocated_bytes
  if (question === 'cpu') return processorTime()
  if (question === 'memory') return process.memoryUsage.rss()
  if (question === 'startProfile') return await startProfile()
  return await stopProfile(question.profileInto)
}

function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function startProfile(): Promise<number> {
  // An actor whose memory is measured does not pay for the tools of one that is profiled.
  const inspector = await import('node:inspector/promises')
  session = new inspector.Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_US })
  await session.post('Profiler.start')
  return 0
}

async function stopProfile(file: string): Promise<number> {
  if (session === undefined) throw new Error('there is no profile to stop')
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  session = undefined
  await writeFile(file, JSON.stringify(profile))
  return 0
}
