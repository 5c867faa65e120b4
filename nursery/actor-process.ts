import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ActorDied, BootFailed, Cancelled } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { Target } from '../rpc/caller.ts'
import { decodeFailure } from '../rpc/error-codec.ts'
import type { BootMessage, ChildMessage, ParentMessage } from './boot-message.ts'
import { lifelinesForChild } from './lifeline.ts'

/** Default milliseconds that a child has until it is an actor; generous, because many may boot at once on few cores. */
export const BOOT_TIMEOUT_MS = 60_000

/** How a child's process ended. */
export interface ExitReport {
  /** Set unless the end was asked for, by us or by another actor. */
  readonly death: ActorDied | undefined
  /** Who asked for the end, when it was not us. */
  readonly cancelled: Cancelled | undefined
}

const log = areaLog('nursery')

/** One child process: from its spawn to the exit that the operating system confirms. */
export class ActorProcess {
  readonly name: string
  /** Resolves when the child is an actor. @throws BootFailed when it does not become one */
  readonly ready: Promise<Target>
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ExitReport>
  readonly #process: ChildProcess
  readonly #ready = Promise.withResolvers<Target>()
  readonly #exited = Promise.withResolvers<ExitReport>()
  #target: Target | undefined
  #ending: Promise<ExitReport> | undefined
  #cancelled: Cancelled | undefined
  #crash: Error | undefined
  #bootTimer: NodeJS.Timeout

  /** @param bootTimeoutMs milliseconds until the child has to be an actor */
  constructor(boot: BootMessage, bootTimeoutMs: number) {
    this.name = boot.name
    this.ready = this.#ready.promise
    this.exited = this.#exited.promise
    this.ready.catch(() => {})
    this.#process = start(boot)
    this.#process.on('message', (message) => this.#onMessage(message as ChildMessage))
    this.#process.once('error', (cause) => this.#failBoot(`its process cannot be started`, { cause }))
    this.#process.once('exit', (code, signal) => this.#onExit(code, signal))
    this.#bootTimer = setTimeout(() => {
      this.#failBoot(`it was not ready within ${bootTimeoutMs} ms`)
      this.#process.kill('SIGKILL')
    }, bootTimeoutMs)
    this.#send(boot)
  }

  /**
   * The ladder: asks the actor to end, then SIGTERM, then SIGKILL, and resolves when the process is gone.
   *
   * A child that is still booting has nothing to clean up and is killed at once.
   *
   * @param graceMs milliseconds from the request to SIGTERM; a quarter of it lies between SIGTERM and SIGKILL
   */
  end(reason: Cancelled, graceMs: number): Promise<ExitReport> {
    this.#ending ??= this.#descend(reason, graceMs)
    return this.#ending
  }

  async #descend(reason: Cancelled, graceMs: number): Promise<ExitReport> {
    if (this.#target === undefined) {
      this.#ready.reject(reason)
      this.#process.kill('SIGKILL')
      return await this.exited
    }
    this.#send({ type: 'cancel', by: reason.by, why: reason.why })
    const steps = [
      setTimeout(() => this.#force('SIGTERM', graceMs), graceMs),
      setTimeout(() => this.#force('SIGKILL', graceMs * 1.25), graceMs * 1.25),
    ]
    const report = await this.exited
    for (const step of steps) clearTimeout(step)
    return report
  }

  #force(signal: 'SIGTERM' | 'SIGKILL', afterMs: number): void {
    log.warn(`${this.name} has not ended ${afterMs} ms after its cancel: ${signal}`)
    this.#process.kill(signal)
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
        const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
        log.debug(`boot of ${origin.name} failed`, cause)
        this.#failBoot(`${where}${what}`, { cause, module: message.module })
        return
      }
      case 'crashed':
        this.#crash = decodeFailure(message.failure).cause as Error
        return
      case 'cancelled':
        this.#cancelled = new Cancelled(message.by, message.why)
    }
  }

  #failBoot(how: string, options?: ErrorOptions & { module?: string | undefined }): void {
    clearTimeout(this.#bootTimer)
    this.#ready.reject(new BootFailed(this.name, how, options))
    // A spawn that failed has no process whose exit could be awaited.
    if (this.#process.pid === undefined) this.#exited.resolve({ death: undefined, cancelled: undefined })
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    for (const stream of this.#process.stdio) if (stream !== this.#process.stdout) stream?.destroy()
    const how = signal === null ? `its process exited with code ${code}` : `its process was killed by ${signal}`
    this.#failBoot(`${how} before it was ready`, this.#crash === undefined ? {} : { cause: this.#crash })
    const target = this.#target ?? { name: this.name, id: '', addresses: [] }
    const asked = this.#ending !== undefined || this.#cancelled !== undefined
    const death =
      this.#crash === undefined
        ? new ActorDied(target, asked ? 'it was asked to end' : how)
        : new ActorDied(target, `${this.#crash.name}: ${this.#crash.message} (nobody caught it)`, {
            cause: this.#crash,
          })
    this.#exited.resolve({ death: asked ? undefined : death, cancelled: this.#cancelled })
  }
}

function start(boot: BootMessage): ChildProcess {
  const entry = new URL(`./child${extname(import.meta.url)}`, import.meta.url)
  return spawn(process.execPath, [...nodeOptions(boot.name), fileURLToPath(entry)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...lifelinesForChild()],
    serialization: 'advanced',
  })
}

const TAKES_A_VALUE = new Set(['-e', '--eval', '-p', '--print'])

/**
 * The options of Node that this process runs with, less those that are about its own entry or its own debugger.
 * `GREENROOM_INSPECT=<name>` makes the actor of that name wait for a debugger on a free port.
 */
function nodeOptions(name: string): string[] {
  const own: string[] = []
  for (let i = 0; i < process.execArgv.length; i++) {
    const option = process.execArgv[i]!
    if (TAKES_A_VALUE.has(option)) i += 1
    else if (!/^--(inspect|watch|test|eval|print)/.test(option)) own.push(option)
  }
  return process.env['GREENROOM_INSPECT'] === name ? [...own, '--inspect-wait=0'] : own
}
