import { constants } from 'node:os'
import { InvalidArgument } from '../node/errors.ts'
import type { StartMethod } from './start-method.ts'

/** Milliseconds between two looks at what an actor with limits uses. */
export const LIMIT_CHECK_MS = 50
/** MiB below which an actor does not even boot. */
export const MIN_MEMORY_MB = 64

/** What an actor may use. */
export interface ActorLimits {
  /**
   * MiB, at least 64: of resident memory for a process, of JavaScript heap for a thread. Over it the actor dies with
   * an error that says so; it is looked at every 50 ms.
   */
  readonly memoryMb?: number
  /** Seconds of processor time, above 0, over the actor's whole life; over it the actor dies. Processes only. */
  readonly cpuSeconds?: number
  /** Scheduling priority, -20 (first) to 19 (last); below 0 needs rights. Processes only. */
  readonly nice?: number
}

/** The signals by which a process that went over a limit ends: what V8 and the kernel would send for the same. */
export const LIMIT_SIGNALS = { memoryMb: 'SIGABRT', cpuSeconds: 'SIGXCPU' } as const

/** @throws InvalidArgument when a limit is out of its range, or the start method cannot keep it */
export function checkLimits(limits: ActorLimits, method: StartMethod): void {
  const { memoryMb, cpuSeconds, nice } = limits
  if (memoryMb !== undefined && !(memoryMb >= MIN_MEMORY_MB && Number.isFinite(memoryMb)))
    throw new InvalidArgument(`limits.memoryMb is at least ${MIN_MEMORY_MB}, got ${memoryMb}`)
  if (cpuSeconds !== undefined && !(cpuSeconds > 0 && Number.isFinite(cpuSeconds)))
    throw new InvalidArgument(`limits.cpuSeconds is above 0, got ${cpuSeconds}`)
  const { PRIORITY_HIGHEST: first, PRIORITY_LOW: last } = constants.priority
  if (nice !== undefined && !(Number.isInteger(nice) && nice >= first && nice <= last))
    throw new InvalidArgument(`limits.nice is ${first} to ${last}, got ${nice}`)
  if (method === 'warm' && (memoryMb ?? cpuSeconds ?? nice) !== undefined)
    throw new InvalidArgument("limits are set when a process starts, a warm one has started: use startMethod 'process'")
  if (method === 'thread' && (cpuSeconds ?? nice) !== undefined)
    throw new InvalidArgument("a thread has no cpuSeconds or nice of its own: use startMethod 'process'")
}

/** What a process with these limits died of, if the signal is that of one of them. */
export function overLimit(limits: ActorLimits, signal: NodeJS.Signals | null): string | undefined {
  const { memoryMb, cpuSeconds } = limits
  if (memoryMb !== undefined && signal === LIMIT_SIGNALS.memoryMb) return `it went over its ${memoryMb} MiB of memory`
  if (cpuSeconds !== undefined && signal === LIMIT_SIGNALS.cpuSeconds)
    return `it went over its ${cpuSeconds} s of processor time`
  return undefined
}
