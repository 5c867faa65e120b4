import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Command, Reading, Reply } from './driver.ts'

/** What is compared, by name: greenroom, greenroom without its fast path, a mesh of many roots, hosts, and the floors. */
export const PAIRS = {
  greenroom: { file: './greenroom.ts', env: {} },
  stock: { file: './greenroom.ts', env: { GREENROOM_FAST_PATH: 'off' } },
  mesh: { file: './mesh.ts', env: {} },
  hosts: { file: './hosts.ts', env: {} },
  libp2p: { file: './floors/libp2p.ts', env: {} },
  tcp: { file: './floors/tcp.ts', env: {} },
  tls: { file: './floors/tls.ts', env: {} },
  ipc: { file: './floors/ipc.ts', env: {} },
} as const

export type PairName = keyof typeof PAIRS

/** Milliseconds until a pair has to have started, and that a command may take beyond its windows. */
const PATIENCE_MS = 60_000
/** Milliseconds until a pair that was let go has to be gone. */
const END_MS = 5_000

/** The two processes of one thing that is measured; this one holds the private channel of the calling end. */
export class Pair implements AsyncDisposable {
  readonly name: PairName
  readonly #driver: ChildProcess
  readonly #exited: Promise<unknown>

  private constructor(name: PairName, driver: ChildProcess) {
    this.name = name
    this.#driver = driver
    this.#exited = once(driver, 'exit')
  }

  /** @param added what the environment of both ends has beside what the pair is known by */
  static async start(name: PairName, added: Readonly<Record<string, string>> = {}): Promise<Pair> {
    const { file, env } = PAIRS[name]
    const { GREENROOM_MESH: _, ...inherited } = process.env
    const driver = fork(fileURLToPath(new URL(file, import.meta.url)), {
      execArgv: [],
      env: { ...inherited, ...env, ...added },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const pair = new Pair(name, driver)
    try {
      await pair.#reply('its start')
    } catch (error) {
      await pair[Symbol.asyncDispose]()
      throw error
    }
    return pair
  }

  /** @throws Error when the pair fails at it, ends, or takes too long */
  async request(command: Command): Promise<Reading> {
    const replied = this.#reply(command.type)
    this.#driver.send(command)
    const reply = await replied
    if ('reading' in reply) return reply.reading
    throw new Error(`${this.name} cannot measure '${command.type}': ${'error' in reply ? reply.error : 'no reading'}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const force = setTimeout(() => this.#driver.kill('SIGKILL'), END_MS)
    if (this.#driver.connected) this.#driver.disconnect()
    await this.#exited
    clearTimeout(force)
  }

  async #reply(what: string): Promise<Reply> {
    const late = Promise.withResolvers<never>()
    const fail = (how: string): void => late.reject(new Error(`${this.name}, ${what}: ${how}`))
    const timer = setTimeout(() => fail(`nothing came within ${PATIENCE_MS} ms`), PATIENCE_MS)
    void this.#exited.then(() => fail('its process ended'))
    try {
      const [reply] = (await Promise.race([once(this.#driver, 'message'), late.promise])) as [Reply]
      return reply
    } finally {
      clearTimeout(timer)
    }
  }
}
