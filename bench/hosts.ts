// Roots on hosts of their own, which are network namespaces: what it costs to come, to call between hosts, and to lose one.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { invite } from '../index.ts'
import { shareSecret } from '../test/hosts/support/member.ts'
import { type Host, makeNetwork } from '../test/hosts/support/network.ts'
import { type Command, type Reading, serve } from './driver.ts'
import type { MemberPlan, MemberReply, MemberTask } from './hosts-member.ts'
import { monotonic } from './mesh-talk.ts'
import type { HostsEvent } from './subject.ts'

const MESH = 'bench-hosts'
/** A test of this file is short, and its numbers mean nothing. */
const isBrief = process.env['GREENROOM_BENCH_BRIEF'] === '1'
const PROFILE = isBrief ? 'loopback' : 'lan'
/** Newcomers of one turn, of which the median counts. */
const NEWCOMERS = isBrief ? 1 : 3
/** Times that calls by each way are measured in one turn of the bench. */
const TURNS = 5
/** Milliseconds that a process may take to say something. */
const PATIENCE_MS = 45_000
/** Milliseconds for which a mesh that was disturbed is left alone. */
const CALM_MS = 500

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

using network = makeNetwork(4)
const [one, two, three, away] = network.hosts as [Host, Host, Host, Host]
const base = mkdtempSync(join(tmpdir(), 'greenroom-bench-hosts-'))
const running = new Set<ChildProcess>()
let newcomers = 0

/** Starts a file on a host, with files of its own. */
function start(host: Host, directory: string, file: string, args: readonly string[], env = {}): ChildProcess {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [ip = '', ...inHost] = host.command
  const child = spawn(ip, [...inHost, process.execPath, here(file), ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, XDG_RUNTIME_DIR: directory, XDG_STATE_HOME: join(directory, 'state'), ...env },
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

async function heard<T>(child: ChildProcess, matches: (message: T) => boolean = () => true): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`nothing came within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  const onExit = (): void => late.reject(new Error('a process of the bench ended'))
  child.once('exit', onExit)
  try {
    for (;;) {
      const [message] = (await Promise.race([once(child, 'message'), late.promise])) as [T]
      if (matches(message)) return message
    }
  } finally {
    clearTimeout(timer)
    child.off('exit', onExit)
  }
}

/** A root that takes tasks. */
class Member {
  readonly addresses: readonly string[]
  readonly #child: ChildProcess
  #last = 0

  private constructor(child: ChildProcess, addresses: readonly string[]) {
    this.addresses = addresses
    this.#child = child
    // one listener for each task that is under way
    child.setMaxListeners(32)
  }

  static async start(host: Host, plan: Omit<MemberPlan, 'mesh' | 'profile'>): Promise<Member> {
    const directory = join(base, plan.name)
    const full: MemberPlan = { ...plan, mesh: MESH, profile: PROFILE }
    shareSecret(MESH, [directory], secret)
    const child = start(host, directory, './hosts-member.ts', [JSON.stringify(full)])
    const { addresses } = await heard<{ addresses: string[] }>(child)
    return new Member(child, addresses)
  }

  async ask(task: MemberTask): Promise<MemberReply> {
    const number = ++this.#last
    const answer = heard<{ number: number; reply: MemberReply }>(this.#child, (message) => message.number === number)
    this.#child.send({ number, task })
    return (await answer).reply
  }

  async end(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.disconnect()
    await exited
  }
}

const secret = randomBytes(32)
const tcp = (address: string, port: number): string => `/ip4/${address}/tcp/${port}`

const measures: Record<HostsEvent, (windowMs: number) => Promise<Reading>> = {
  join: async () => {
    const ours: number[] = []
    const bare: number[] = []
    for (let i = 0; i < NEWCOMERS; i++) {
      ours.push(
        await untilAnswered('./hosts-newcomer.ts', ['far', tcp(three.address, 0)], { GREENROOM_JOIN: invitation }),
      )
      bare.push(await untilAnswered('./floors/dial-once.ts', [tcp(three.address, 0), floorAddress]))
    }
    const [ms, floor] = [middle(ours), middle(bare)]
    return { ms, floor, beyond: Math.max(0.1, ms - floor) }
  },
  calls: async (windowMs) => {
    const [single, many] = [await nearAndFar(1, windowMs), await nearAndFar(64, windowMs)]
    return { rate: single.far, share: single.far / single.near, many: many.far, manyShare: many.far / many.near }
  },
  spawn: async () => {
    const here: number[] = []
    const there: number[] = []
    for (let i = 0; i < NEWCOMERS; i++) {
      there.push((await caller.ask({ spawn: { on: 'far' } }))['ms']!)
      here.push((await caller.ask({ spawn: 'here' }))['ms']!)
    }
    const [ms, local] = [middle(there), middle(here)]
    return { ms, times: ms / local }
  },
  cut: async () => {
    const lost = await Member.start(away, { name: 'lost', listen: tcp(away.address, 4_001), join: far.addresses })
    const pending = caller.ask({ hang: 'lost' })
    await caller.ask({ calls: 'lost', inFlight: 1, windowMs: 10 })
    await delay(CALM_MS)
    const gone = Promise.all([caller, far].map((member) => member.ask({ lost: 'lost' })))
    await delay(CALM_MS)
    const at = monotonic()
    network.plug(away, 'down')
    const noticed = (await gone).map((reply) => reply['at']! - at)
    const rejected = (await pending)['at']! - at
    network.heal()
    await lost.end()
    return { noticed: Math.max(...noticed), rejected }
  },
}

/** Calls a second by the loopback interface and between hosts, in turns. */
async function nearAndFar(inFlight: number, windowMs: number): Promise<{ near: number; far: number }> {
  const near: number[] = []
  const far: number[] = []
  for (let turn = 0; turn < TURNS; turn++)
    for (const [name, rates] of turn % 2 === 0
      ? ([
          ['near', near],
          ['far', far],
        ] as const)
      : ([
          ['far', far],
          ['near', near],
        ] as const))
      rates.push((await caller.ask({ calls: name, inFlight, windowMs: windowMs / 2 }))['rate']!)
  return { near: middle(near), far: middle(far) }
}

/** Milliseconds from the start of a new process to the answer that it gets. */
async function untilAnswered(
  file: string,
  args: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<number> {
  const directory = join(base, `newcomer${++newcomers}`)
  const at = monotonic()
  const child = start(three, directory, file, args, env)
  const exited = once(child, 'exit')
  const { at: answered } = await heard<{ at: number }>(child)
  await exited
  return answered - at
}

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
}

async function measure(command: Command): Promise<Reading> {
  if (command.type !== 'hosts') throw new Error(`hosts do not measure '${command.type}'`)
  return await measures[command.what](command.windowMs)
}

const floorServer = start(one, join(base, 'floor'), './floors/dial-once.ts', [tcp(one.address, 0)])
const { address: floorAddress } = await heard<{ address: string }>(floorServer)
const far = await Member.start(one, { name: 'far', listen: tcp(one.address, 4_001), join: [] })
process.env['XDG_RUNTIME_DIR'] = join(base, 'far')
process.env['XDG_STATE_HOME'] = join(base, 'far', 'state')
const invitation = await invite(MESH)
const near = await Member.start(two, { name: 'near', listen: tcp('127.0.0.1', 4_002), join: far.addresses })
const caller = await Member.start(two, { name: 'caller', listen: tcp(two.address, 4_001), join: far.addresses })

try {
  await serve(measure, new Promise(() => {}))
} finally {
  for (const member of [caller, near, far]) await member.end()
  floorServer.disconnect()
  for (const child of running) child.kill('SIGKILL')
  rmSync(base, { recursive: true, force: true })
}
