// Many roots of one mesh name, each a process, and how soon each of them learns what happens to the others.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, type Reading, serve } from './driver.ts'
import { MeshMember } from './mesh-member.ts'
import { monotonic } from './mesh-talk.ts'
import { percentile } from './statistics.ts'

/** Processes, unless the environment says otherwise. */
const ROOTS = Number(process.env['GREENROOM_BENCH_ROOTS'] ?? 16)
/** Milliseconds for which a mesh that was disturbed is left alone before the next measure. */
const CALM_MS = 1_000
/** Milliseconds that all may take to learn something; a reading that took longer is none. */
const PATIENCE_MS = 30_000
/** The least that is told: some know of an actor before its own parent has said that it is ready. */
const LEAST_MS = 0.1
/** Milliseconds between two looks at what was heard; the times themselves come with it. */
const POLL_MS = 10

const members: MeshMember[] = []
const runtimeDir = mkdtempSync(join(tmpdir(), 'greenroom-bench-mesh-'))
async function measure(command: Command): Promise<Reading> {
  if (command.type !== 'discovery') throw new Error(`a mesh does not measure '${command.type}'`)
  await delay(CALM_MS)
  const reading = await measures[command.what]()
  await allKnow()
  return reading
}

const measures = {
  visible: async () => {
    const owner = anyone()
    const { id, pid, at } = await owner.startActor('victim')
    const reading = summary(at, await heard(others(owner), ({ up }) => up.get(id)))
    process.kill(pid, 'SIGKILL')
    await heard(members, ({ down }) => down.get(id))
    return reading
  },
  killed: async () => {
    const { id, pid } = await anyone().startActor('victim')
    await heard(members, ({ up }) => up.get(id))
    await delay(CALM_MS)
    const at = monotonic()
    process.kill(pid, 'SIGKILL')
    return summary(at, await heard(members, ({ down }) => down.get(id)))
  },
  root: async () => {
    const victim = anyone(members.filter(({ id }) => id !== arbiter().id))
    const at = victim.signal('SIGKILL')
    const reading = summary(at, await heard(others(victim), ({ down }) => down.get(victim.id)))
    await replace(victim)
    return reading
  },
  arbiter: async () => {
    const victim = arbiter()
    const at = victim.signal('SIGKILL')
    const elected = (member: MeshMember): number | undefined =>
      member.arbiter.at > at && others(victim).some(({ id }) => id === member.arbiter.id)
        ? member.arbiter.at
        : undefined
    const reading = summary(at, await heard(others(victim), elected))
    await replace(victim)
    return reading
  },
  frozen: async () => {
    const victim = anyone(members.filter(({ id }) => id !== arbiter().id))
    const at = victim.signal('SIGSTOP')
    try {
      return summary(at, await heard(others(victim), ({ down }) => down.get(victim.id)))
    } finally {
      victim.signal('SIGCONT')
    }
  },
} as const

try {
  for (let i = 0; i < ROOTS; i++) members.push(await MeshMember.start(`root${i}`, runtimeDir))
  await allKnow()
  await serve(measure, new Promise(() => {}))
} finally {
  for (const member of members) member.signal('SIGCONT')
  await Promise.all(members.map((member) => member.end()))
  rmSync(runtimeDir, { recursive: true, force: true })
}

/** The median over all registries, and the last one. */
function summary(since: number, times: readonly number[]): Reading {
  const ms = times.map((time) => Math.max(LEAST_MS, time - since))
  return { p50: percentile(ms, 50), worst: Math.max(...ms) }
}

/** When each of them heard of something; waits until all have. */
async function heard(by: readonly MeshMember[], when: (member: MeshMember) => number | undefined): Promise<number[]> {
  const end = monotonic() + PATIENCE_MS
  for (;;) {
    const times = by.map(when)
    if (times.every((time) => time !== undefined)) return times
    if (monotonic() > end) {
      const deaf = by.filter((member) => when(member) === undefined).map(({ name }) => name)
      throw new Error(`${deaf.join(', ')} heard nothing of it within ${PATIENCE_MS} ms`)
    }
    await delay(POLL_MS)
  }
}

/** Waits until everybody knows everybody, and one arbiter. */
async function allKnow(): Promise<void> {
  await heard(members, ({ up }) => (members.every(({ id }) => up.has(id)) ? 0 : undefined))
  await heard(members, (member) => (member.arbiter.id === arbiterId() ? 0 : undefined))
}

function arbiterId(): string | undefined {
  const [first] = members
  return members.some(({ id }) => id === first?.arbiter.id) ? first?.arbiter.id : undefined
}

function arbiter(): MeshMember {
  const found = members.find(({ id }) => id === arbiterId())
  if (found === undefined) throw new Error('the mesh has no arbiter')
  return found
}

function anyone(of: readonly MeshMember[] = members): MeshMember {
  return of[Math.floor(Math.random() * of.length)]!
}

function others(than: MeshMember): MeshMember[] {
  return members.filter((member) => member !== than)
}

async function replace(victim: MeshMember): Promise<void> {
  await victim.end()
  members[members.indexOf(victim)] = await MeshMember.start(victim.name, runtimeDir)
}
