// What observing costs a mesh: three roots with ten actors below them, on one machine; its hosts alone, then looked at.
//
//   node bench/observers.ts [seconds of each window]
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from './statistics.ts'

/** Of each root its name and those of its actors. */
const TREES = [
  ['theatre', 'frank', 'gretchen', 'hamlet'],
  ['opera', 'tenor', 'soprano', 'chorus', 'bass'],
  ['circus', 'clown', 'lion', 'juggler'],
]
/** What looks; those that make the actors measure themselves, which goes on for a while, come last. */
const OBSERVERS: Readonly<Record<string, readonly string[]>> = {
  events: ['events', '--follow'],
  logs: ['logs', '--follow'],
  watch: ['watch'],
}
/** Milliseconds after which a mesh that has come up is at rest, and who has begun to look does so at its usual pace. */
const REST_MS = 25_000
const SETTLE_MS = 4_000

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const command = here('../cli/index.ts')
const directory = mkdtempSync(join(tmpdir(), 'greenroom-observers-'))
const env = { ...process.env, XDG_RUNTIME_DIR: directory, XDG_STATE_HOME: directory, GREENROOM_MESH: 'bench' }
const windowMs = Number(process.argv[2] ?? 10) * 1_000
const wanted = process.argv.slice(3)
const children: ChildProcess[] = []

/** Nanoseconds of processor time that a process and all below it have used. */
function processorNs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`)
  const own = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]))
  const below = tasks.flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
  return [...own, ...below.filter((id) => id !== '').map((id) => processorNs(Number(id)))].reduce((a, b) => a + b, 0)
}

/** Percents of a processor that each host uses. */
async function costs(): Promise<number[]> {
  const before = children.map(({ pid }) => processorNs(pid!))
  const start = performance.now()
  await delay(windowMs)
  const ms = performance.now() - start
  return children.map(({ pid }, i) => ((processorNs(pid!) - before[i]!) / 1e6 / ms) * 100)
}

/** Bytes that the sockets of an observer have received and sent, above the encryption's. */
interface Traffic {
  readonly received: number
  readonly sent: number
  readonly sockets: number
}

async function observed(args: readonly string[]): Promise<{ readonly percents: number[]; readonly traffic: Traffic }> {
  const report = join(directory, 'traffic.json')
  writeFileSync(report, '{"received":0,"sent":0}')
  const tmux = (...words: string[]): string =>
    execFileSync('tmux', ['-S', join(directory, 'tmux'), '-f', '/dev/null', ...words], { env, encoding: 'utf8' })
  const typed = [process.execPath, '--import', here('./count-traffic.ts'), command, ...args]
    .map((word) => `'${word}'`)
    .join(' ')
  tmux('new-session', '-d', '-x', '120', '-y', '40', `TRAFFIC_REPORT='${report}' ${typed}; sleep 60`)
  try {
    await delay(SETTLE_MS)
    const read = (): Traffic => JSON.parse(readFileSync(report, 'utf8')) as Traffic
    const before = read()
    const percents = await costs()
    const after = read()
    const perSecond = (bytes: number): number => (bytes * 1_000) / windowMs
    return {
      percents,
      traffic: {
        received: perSecond(after.received - before.received),
        sent: perSecond(after.sent - before.sent),
        sockets: after.sockets,
      },
    }
  } finally {
    tmux('kill-server')
  }
}

async function start(args: readonly string[], words: string): Promise<void> {
  const child = spawn(process.execPath, args, {
    env: { ...env, TROUPE_START: 'process' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(words)) break
  child.stdout.resume()
}

const show = (percents: readonly number[]): string => percents.map((one) => one.toFixed(2)).join(' ')

try {
  const total = String(TREES.flat().length)
  const program = here('../test/cli/fixtures/troupe.ts')
  await Promise.all(
    TREES.map(
      async ([root = '', ...actors]) => await start([program, 'bench', total, root, ...actors], `${root} is ready`),
    ),
  )
  await delay(REST_MS)
  for (const [name, args] of Object.entries(OBSERVERS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const alone = await costs()
    const { percents, traffic } = await observed(args)
    const more = percents.map((one, i) => one - alone[i]!)
    console.log(
      `${name}: alone ${show(alone)}, observed ${show(percents)}, more ${show(more)} (median ${median(more).toFixed(2)}) % of a processor a host; ` +
        `${Math.round(traffic.received)} B/s received, ${Math.round(traffic.sent)} B/s sent over ${traffic.sockets} connections`,
    )
  }
} finally {
  for (const child of children) child.kill('SIGTERM')
  await Promise.all(
    children.map(async (child) => child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)))),
  )
  rmSync(directory, { recursive: true, force: true })
}
