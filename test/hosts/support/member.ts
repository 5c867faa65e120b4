import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StartMethod } from '../../../index.ts'
import { within } from '../../support/within.ts'
import type { Host } from './network.ts'
import {
  type Found,
  type Heard,
  type MemberPlan,
  monotonic,
  type Question,
  type Said,
  type Sight,
  type Started,
} from './sight.ts'

const program = fileURLToPath(new URL('../fixtures/member-program.ts', import.meta.url))
/** Milliseconds, on an idle machine, until a member has to be up, and until it has to have answered. */
const READY_MS = 20_000
const ANSWER_MS = 10_000
/** Lines of a member's own output that are kept for a failure. */
const MAX_LINES = 200

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface MemberOptions extends Partial<MemberPlan> {
  readonly name: string
  /** Where its rendezvous files are. */
  readonly runtimeDir: string
  /** The host that it runs in; default this one. */
  readonly host?: Host
}

/** Starts a root of a named mesh as a process of its own; it ends with the process that started it. */
export async function startMember(options: MemberOptions): Promise<Member> {
  const { host, runtimeDir, ...rest } = options
  const plan: MemberPlan = {
    mesh: 'hosts',
    actors: [],
    startMethod: 'thread',
    allowSpawn: false,
    profile: 'loopback',
    identity: 'fresh',
    listen: host === undefined ? undefined : [`/ip4/${host.address}/tcp/0`],
    join: [],
    quorum: undefined,
    also: {},
    stateDir: join(runtimeDir, 'state'),
    ...rest,
  }
  const [command, ...args] = [...(host?.command ?? []), process.execPath, program, JSON.stringify(plan)]
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, XDG_RUNTIME_DIR: runtimeDir, XDG_STATE_HOME: join(runtimeDir, 'state') },
  })
  const member = new Member(child, plan.name)
  try {
    await member.ready()
  } catch (error) {
    await member.kill()
    throw error
  }
  return member
}

/** Lets the programs of several runtime directories belong to one mesh. */
export function shareSecret(mesh: string, runtimeDirs: readonly string[], secret: Uint8Array): void {
  for (const runtimeDir of runtimeDirs) {
    const directory = join(runtimeDir, `greenroom-${process.getuid?.()}`, mesh)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, 'secret'), secret, { mode: 0o600 })
  }
}

/** A root under test, as the test holds it. */
export class Member {
  readonly name: string
  id = ''
  addresses: readonly string[] = []
  /** Peer ids of its actors. */
  actors: readonly string[] = []
  /** What it heard of others, in order. */
  readonly heard: Heard[] = []
  /** When it was killed, or told to leave. */
  endedAt: number | undefined
  /** Since when it has been stopped. */
  frozenAt: number | undefined
  /** When it was last let go on; when it was ready, if never. */
  awakeSince = 0
  /** What it last said of its reigns. */
  reigns: Sight['reigns'] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #ready = Promise.withResolvers<void>()
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #lines: string[] = []
  #asked = 0

  constructor(child: ChildProcess, name: string) {
    this.name = name
    this.#child = child
    running.add(child)
    this.#exited = once(child, 'close').catch((error: unknown) => this.#ready.reject(error))
    void this.#exited.then(() => this.#onEnd())
    child.on('message', (said: Said) => this.#hear(said))
    this.#ready.promise.catch(() => {})
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#lines.push(text)
        if (this.#lines.length > MAX_LINES) this.#lines.shift()
      })
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Whether it can answer. */
  get awake(): boolean {
    return this.endedAt === undefined && this.frozenAt === undefined
  }

  /** All that it wrote. */
  get output(): string {
    return this.#lines.join('')
  }

  async ready(): Promise<void> {
    try {
      await within(`${this.name} is up`, this.#ready.promise, READY_MS)
    } catch (cause) {
      throw new Error(`${this.name} is not up: ${(cause as Error).message}\n${this.output}`, { cause })
    }
  }

  async sight(): Promise<Sight> {
    const sight = (await this.#ask({ ask: 'sight' })) as Sight
    this.reigns = sight.reigns
    return sight
  }

  async find(name: string): Promise<Found> {
    return (await this.#ask({ ask: 'find', name })) as Found
  }

  /** Waits until it knows an actor of that name. @param ms on an idle machine */
  async wait(name: string, ms: number): Promise<Found> {
    return (await this.#ask({ ask: 'wait', name, ms })) as Found
  }

  /** Calls an actor that never answers; gives the code of the error with which the call ends. */
  async call(name: string, ms: number): Promise<string | undefined> {
    return (await this.#ask({ ask: 'call', name }, ms)) as string | undefined
  }

  async invite(): Promise<string> {
    return (await this.#ask({ ask: 'invite' })) as string
  }

  /** @param on the host peer that is asked to start it; default this member itself */
  async startActor(name: string, startMethod: StartMethod, on?: string): Promise<Started> {
    return (await this.#ask({ ask: 'start', name, startMethod, ...(on === undefined ? {} : { on }) })) as Started
  }

  freeze(): void {
    this.frozenAt ??= monotonic()
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    if (this.frozenAt === undefined) return
    this.#child.kill('SIGCONT')
    this.frozenAt = undefined
    this.awakeSince = monotonic()
  }

  async kill(): Promise<void> {
    this.endedAt ??= monotonic()
    this.#child.kill('SIGKILL')
    await within(`the end of ${this.name}`, this.#exited)
  }

  /** Ends it in order. */
  async leave(): Promise<void> {
    this.thaw()
    const asked = this.#ask({ ask: 'leave' }).catch(() => {})
    this.endedAt ??= monotonic()
    try {
      await within(`${this.name} leaves`, this.#exited, ANSWER_MS)
    } finally {
      this.#child.kill('SIGKILL')
      await asked
    }
  }

  async #ask(question: Question, ms = ANSWER_MS): Promise<unknown> {
    const number = ++this.#asked
    const reply = Promise.withResolvers<unknown>()
    this.#waiting.set(number, reply)
    try {
      if (!this.#child.connected) throw new Error(this.#obituary())
      this.#child.send({ number, question })
      return await within(`${this.name} answers '${question.ask}'`, reply.promise, ms)
    } finally {
      this.#waiting.delete(number)
    }
  }

  #hear(said: Said): void {
    if (said.type === 'ready') {
      this.id = said.id
      this.addresses = said.addresses
      this.actors = said.actors
      this.awakeSince = monotonic()
      this.#ready.resolve()
    } else if (said.type === 'heard') this.heard.push(said.heard)
    else if (said.type === 'answer') this.#waiting.get(said.to)?.resolve(said.value)
    else this.#waiting.get(said.to)?.reject(new Error(`${this.name}: ${said.error}`))
  }

  #obituary(): string {
    const { exitCode, signalCode } = this.#child
    return `${this.name} has ended (${signalCode ?? exitCode})\n${this.output}`
  }

  #onEnd(): void {
    running.delete(this.#child)
    const error = new Error(this.#obituary())
    this.endedAt ??= monotonic()
    this.#ready.reject(error)
    for (const { reject } of this.#waiting.values()) reject(error)
  }
}
