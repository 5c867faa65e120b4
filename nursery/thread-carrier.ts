import { Worker } from 'node:worker_threads'
import { passOutput } from './actor-output.ts'
import type { ChildMessage } from './boot-message.ts'
import type { Carrier, CarrierEvents } from './carrier.ts'
import { childEntry } from './child-entry.ts'
import { LIMIT_SIGNALS, overLimit } from './limits.ts'
import type { CarrierOptions } from './process-carrier.ts'

/** What a thread is told before its first message. */
export interface ThreadData {
  readonly greenroomThread: true
}

/** Starts the thread of an actor; it waits for its first message. */
export function startThread({ name, stdio, limits }: CarrierOptions, first: CarrierEvents): Carrier {
  let events = first
  let gone = false
  const piped = stdio !== 'inherit'
  const workerData: ThreadData = { greenroomThread: true }
  const worker = new Worker(childEntry(), {
    name,
    workerData,
    stdout: piped,
    stderr: piped,
    resourceLimits: limits.memoryMb === undefined ? {} : { maxOldGenerationSizeMb: Math.ceil(limits.memoryMb) },
  })
  if (typeof stdio === 'function') stdio(worker.stdout, worker.stderr)
  else if (stdio !== 'inherit') passOutput(name, stdio, worker.stdout, worker.stderr)
  worker.on('message', (message) => events.onMessage(message as ChildMessage))
  let overMemory = false
  worker.on('error', (error: unknown) => {
    overMemory = (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY'
    if (!overMemory) events.onError(error instanceof Error ? error : new Error(String(error)))
  })
  worker.once('exit', (code) => {
    gone = true
    const over = overMemory ? overLimit(limits, LIMIT_SIGNALS.memoryMb) : undefined
    events.onExit(over ?? `its thread exited with code ${code}`, code)
  })
  return {
    pid: process.pid,
    noun: 'thread',
    get gone() {
      return gone
    },
    send: (message) => worker.postMessage(message),
    kill: () => {
      if (gone) return false
      void worker.terminate()
      return true
    },
    listen: (next) => {
      events = next
    },
  }
}
