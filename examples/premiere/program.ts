import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { currentSignal, failAfter } from '../../index.ts'
import type { HouseReport } from './house.ts'

/** Milliseconds that a program has to come up, and to end after it was asked to. */
const START_MS = 10_000
const END_MS = 3_000

/** Another program of this machine: a plain child process, which no nursery looks after. */
export class Program {
  readonly name: string
  /** Settles when the process is gone. */
  readonly ended: Promise<unknown>
  readonly #process: ChildProcess
  #expected = false

  constructor(name: string, ...args: readonly string[]) {
    this.name = name
    const file = fileURLToPath(new URL('./house.ts', import.meta.url))
    // It ends by itself when the IPC channel closes, so it cannot outlive this process, however that ends.
    this.#process = spawn(process.execPath, [file, name, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.ended = once(this.#process, 'exit').catch(() => {})
  }

  get pid(): number {
    return this.#process.pid ?? Number.NaN
  }

  /** @throws Error when the program ends instead, DeadlineExceeded when it takes too long */
  async report(): Promise<HouseReport> {
    return await failAfter(START_MS, async () => {
      const signal = currentSignal()
      const message = once(this.#process, 'message', { signal })
      const [report] = (await Promise.race([message, this.watch(signal)])) as [HouseReport]
      return report
    })
  }

  /** Waits for the end of the program. @throws Error when nobody wanted it to end */
  async watch(signal: AbortSignal): Promise<unknown> {
    const alive = this.#process.exitCode === null && this.#process.signalCode === null
    if (alive) await once(this.#process, 'exit', { signal })
    if (this.#expected) return undefined
    throw new Error(
      `the program '${this.name}' ended by itself (${this.#process.exitCode ?? this.#process.signalCode})`,
    )
  }

  /** The one that nobody can prepare for. */
  kill(): void {
    this.#expected = true
    this.#process.kill('SIGKILL')
  }

  /** Hangs up and waits until the program is gone. */
  async leave(): Promise<void> {
    this.#expected = true
    if (this.#process.connected) this.#process.disconnect()
    const force = setTimeout(() => this.#process.kill('SIGKILL'), END_MS)
    await this.ended.finally(() => clearTimeout(force))
  }
}
