import { type ChildProcess, spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import type { Readable } from 'node:stream'
import { type ActorStdio, passOutput } from './actor-output.ts'
import type { ChildMessage } from './boot-message.ts'
import type { Carrier, CarrierEvents } from './carrier.ts'
import { childEntry } from './child-entry.ts'
import { lifelinesForChild } from './lifeline.ts'
import { type ActorLimits, overLimit } from './limits.ts'

export interface CarrierOptions {
  readonly name: string
  /** Or who reads it. */
  readonly stdio: ActorStdio | OutputReader
  readonly limits: ActorLimits
}

type OutputReader = (stdout: Readable, stderr: Readable) => void

/** Starts the process of an actor; it waits for its first message. */
export function startProcess(options: CarrierOptions, events: CarrierEvents): Carrier {
  const { stdio, limits } = options
  const out = stdio === 'inherit' ? 'inherit' : 'pipe'
  let child: ChildProcess
  try {
    child = spawn(process.execPath, [...nodeOptions(options), childEntry()], {
      stdio: ['ignore', out, out, 'ipc', ...lifelinesForChild()],
      serialization: 'advanced',
      env: environment(),
    })
  } catch (error) {
    return refused(error as Error, events)
  }
  if (typeof stdio === 'function') stdio(child.stdout!, child.stderr!)
  else if (stdio !== 'inherit') passOutput(options.name, stdio, child.stdout!, child.stderr!)
  const carrier = carry(child, limits, events)
  // Before it has threads of its own, which inherit it.
  if (limits.nice !== undefined && child.pid !== undefined) {
    try {
      setPriority(child.pid, limits.nice)
    } catch (error) {
      queueMicrotask(() => events.onError(error as Error))
      child.kill('SIGKILL')
    }
  }
  return carrier
}

function carry(child: ChildProcess, limits: ActorLimits, first: CarrierEvents): Carrier {
  let events = first
  child.on('message', (message) => events.onMessage(message as ChildMessage))
  child.once('error', (error) => {
    events.onError(error)
    // There is no process whose exit could be awaited.
    if (child.pid === undefined) events.onExit('it was not started', null)
  })
  child.once('exit', (code, signal) => {
    for (const stream of child.stdio) if (stream !== child.stdout && stream !== child.stderr) stream?.destroy()
    const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`
    events.onExit(overLimit(limits, signal) ?? `its process ${how}`, code)
  })
  return {
    pid: child.pid,
    noun: 'process',
    get gone() {
      return child.exitCode !== null || child.signalCode !== null
    },
    send: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    kill: (signal) => child.kill(signal),
    listen: (next) => {
      events = next
    },
  }
}

/** The process that some refusals of the system leave: those that are no event, as of an environment that is too large. */
function refused(error: Error, events: CarrierEvents): Carrier {
  queueMicrotask(() => {
    events.onError(error)
    events.onExit('it was not started', null)
  })
  return { pid: undefined, noun: 'process', gone: true, send: () => {}, kill: () => false, listen: () => {} }
}

/** What children inherit: an invitation is for the root that reads it. */
function environment(): NodeJS.ProcessEnv {
  const { GREENROOM_JOIN: _, ...inherited } = process.env
  return inherited
}

const TAKES_A_VALUE = new Set(['-e', '--eval', '-p', '--print', '-pe'])

/**
 * The options of Node that this process runs with, less those that are about its own entry, its own debugger or its own
 * heap. `GREENROOM_INSPECT=<name>` makes the actor of that name wait for a debugger on a free port.
 */
function nodeOptions({ name, limits: { memoryMb } }: CarrierOptions): string[] {
  const own: string[] = []
  for (let i = 0; i < process.execArgv.length; i++) {
    const option = process.execArgv[i]!
    if (TAKES_A_VALUE.has(option)) i += 1
    else if (!/^--(inspect|watch|test|eval|print|input-type)/.test(option)) own.push(option)
  }
  if (memoryMb !== undefined) own.push(`--max-old-space-size=${Math.ceil(memoryMb)}`)
  if (isInspected(name)) own.push('--inspect-wait=0')
  return own
}

/** Whether somebody wants to debug the actor of that name. */
export function isInspected(name: string): boolean {
  return process.env['GREENROOM_INSPECT'] === name
}
