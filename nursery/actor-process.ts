import { type ChildProcess, spawn } from 'node:child_process'
import { ActorDied, BootFailed, type Cancelled, describeError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'
import type { Target } from '../rpc/caller.ts'
import { decodeFailure } from '../rpc/error-codec.ts'
import type { BootMessage, ChildMessage, ParentMessage } from './boot-message.ts'
import { childEntry } from './child-entry.ts'
import { lifelinesForChild } from './lifeline.ts'
import { type StepName, whyCancelled } from './report.ts'
import type { ExitKind } from './restart-policy.ts'

/** Default milliseconds that a child has until it is an actor; generous, because many may boot at once on few cores. */
export const BOOT_TIMEOUT_MS = 60_000

export interface ProcessTimes {
  /** Milliseconds until the child has to be an actor. */
  readonly bootTimeoutMs: number
  /** Milliseconds from the begin of its end to SIGTERM; a quarter of it lies between SIGTERM and SIGKILL. */
  readonly graceMs: number
}

/** How a process ended. */
export interface ActorExit {
  /** `normal` is exit code 0 unasked; an error that nobody caught is `abnormal`, also after somebody asked for the end. */
  readonly kind: ExitKind
  /** What to tell whoever relied on the process: missing when its end was asked for, here or elsewhere. */
  readonly death: ActorDied | undefined
}

const log = areaLog('nursery')

/** One child process: from its spawn to the exit that the operating system confirms. */
export class ActorProcess {
  readonly name: string
  /** Resolves when the child is an actor. @throws BootFailed when it does not become one */
  readonly ready: Promise<Target>
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ActorExit>
  readonly #process: ChildProcess
  readonly #ready = Promise.withResolvers<Target>()
  readonly #exited = Promise.withResolvers<ActorExit>()
  readonly #graceMs: number
  readonly #onStep: (step: StepName, why: string) => void
  #target: Target | undefined
  #asked = false
  #ladder: NodeJS.Timeout[] = []
  /** What nobody caught there: anything can be thrown, `undefined` as well. */
  #crash: { readonly thrown: unknown } | undefined
  #bootTimer: NodeJS.Timeout

  /** @param onStep hears what is done to end the process */
  constructor(
    boot: BootMessage,
    { bootTimeoutMs, graceMs }: ProcessTimes,
    onStep: (step: StepName, why: string) => void = () => {},
  ) {
    this.name = boot.name
    this.#graceMs = graceMs
    this.#onStep = onStep
    this.ready = this.#ready.promise
    this.exited = this.#exited.promise
    this.ready.catch(() => {})
    this.#process = start(boot)
    this.#process.on('message', (message) => this.#onMessage(message as ChildMessage))
    this.#process.once('error', (cause) => this.#failBoot(`its process cannot be started`, { cause }))
    this.#process.once('exit', (code, signal) => this.#onExit(code, signal))
    this.#bootTimer = setTimeout(() => {
      this.#failBoot(`it was not ready within ${bootTimeoutMs} ms`)
      this.#kill('SIGKILL', `it was not ready within ${bootTimeoutMs} ms`)
    }, bootTimeoutMs)
    try {
      this.#send(boot)
    } catch (cause) {
      this.#failBoot(`its statespace cannot be sent: ${describeError(cause)}`, { cause })
      this.#process.kill('SIGKILL')
    }
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /**
   * Asks the actor to end, uses force when it does not, and resolves when the process is gone.
   *
   * A child that is still booting has nothing to clean up and is killed at once, as is one that has no grace.
   */
  end(reason: Cancelled): Promise<ActorExit> {
    if (!this.#asked && (this.#target === undefined || this.#graceMs === 0)) {
      this.#ready.reject(reason)
      this.#kill('SIGKILL', whyCancelled(reason))
    } else if (!this.#asked) {
      this.#onStep('cancel', whyCancelled(reason))
      this.#send({ type: 'cancel', by: reason.by, why: reason.why })
      this.#descend()
    }
    this.#asked = true
    return this.exited
  }

  /**
   * The ladder below every end, whoever began it: SIGTERM when the process is still there after the grace, then
   * SIGKILL.
   */
  #descend(): void {
    const isGone = this.#process.exitCode !== null || this.#process.signalCode !== null
    if (isGone || this.#ladder.length > 0) return
    const step = (signal: 'SIGTERM' | 'SIGKILL', afterMs: number): NodeJS.Timeout =>
      setTimeout(() => {
        log.warn(`${this.name} has not ended within ${afterMs} ms: ${signal}`)
        this.#kill(signal, `it has not ended within ${afterMs} ms`)
      }, afterMs)
    this.#ladder = [
      step('SIGTERM', this.#graceMs),
      step('SIGKILL', Math.min(MAX_TIMEOUT_MS, Math.ceil(this.#graceMs * 1.25))),
    ]
  }

  #kill(signal: 'SIGTERM' | 'SIGKILL', why: string): void {
    if (this.#process.kill(signal)) this.#onStep(signal, why)
  }

  #send(message: ParentMessage): void {
    if (this.#process.connected) this.#process.send(message, () => {})
  }

  #onMessage(message: ChildMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#bootTimer)
        this.#target = message.target
        this.#ready.resolve(message.target)
        return
      case 'bootFailed': {
        const { origin, cause } = decodeFailure(message.failure)
        const where = message.module === undefined ? '' : `${message.module}: `
        log.debug(`boot of ${origin.name} failed`, cause)
        this.#failBoot(`${where}${describeError(cause)}`, { cause, module: message.module })
        this.#descend()
        return
      }
      case 'crashed':
        this.#crash = { thrown: decodeFailure(message.failure).cause }
        this.#descend()
        return
      case 'cancelled':
        log.debug(`${this.name} ends: cancelled by ${message.by}: ${message.why}`)
        this.#asked = true
        this.#descend()
    }
  }

  #failBoot(how: string, options?: ErrorOptions & { module?: string | undefined }): void {
    clearTimeout(this.#bootTimer)
    this.#ready.reject(new BootFailed(this.name, how, options))
    // A spawn that failed has no process whose exit could be awaited.
    if (this.#process.pid === undefined) this.#exited.resolve({ kind: 'abnormal', death: undefined })
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    for (const step of this.#ladder) clearTimeout(step)
    for (const stream of this.#process.stdio) if (stream !== this.#process.stdout) stream?.destroy()
    const how = signal === null ? `its process exited with code ${code}` : `its process was killed by ${signal}`
    const crash = this.#crash === undefined ? '' : ` (${describeError(this.#crash.thrown)})`
    this.#failBoot(`${how} before it was ready${crash}`, this.#crash === undefined ? {} : { cause: this.#crash.thrown })
    const target = this.#target ?? { name: this.name, id: '', addresses: [] }
    if (this.#crash !== undefined) {
      const { thrown } = this.#crash
      const death = new ActorDied(target, `${describeError(thrown)} (nobody caught it)`, { cause: thrown })
      this.#exited.resolve({ kind: 'abnormal', death })
    } else if (this.#asked) {
      this.#exited.resolve({ kind: 'shutdown', death: undefined })
    } else {
      this.#exited.resolve({ kind: code === 0 ? 'normal' : 'abnormal', death: new ActorDied(target, how) })
    }
  }
}

function start(boot: BootMessage): ChildProcess {
  return spawn(process.execPath, [...nodeOptions(boot.name), childEntry()], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...lifelinesForChild()],
    serialization: 'advanced',
  })
}

const TAKES_A_VALUE = new Set(['-e', '--eval', '-p', '--print', '-pe'])

/**
 * The options of Node that this process runs with, less those that are about its own entry or its own debugger.
 * `GREENROOM_INSPECT=<name>` makes the actor of that name wait for a debugger on a free port.
 */
function nodeOptions(name: string): string[] {
  const own: string[] = []
  for (let i = 0; i < process.execArgv.length; i++) {
    const option = process.execArgv[i]!
    if (TAKES_A_VALUE.has(option)) i += 1
    else if (!/^--(inspect|watch|test|eval|print|input-type)/.test(option)) own.push(option)
  }
  return process.env['GREENROOM_INSPECT'] === name ? [...own, '--inspect-wait=0'] : own
}
