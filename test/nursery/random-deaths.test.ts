import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { findActors, joinMesh, type NurseryReport, openNursery, type Strategy, watchActors } from '../../index.ts'
import { STRATEGIES } from '../../nursery/restart-policy.ts'
import { seeded } from '../simulator/rng.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { watchProcesses } from '../support/process-watcher.ts'
import { startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { growTree } from './fixtures/actors.ts'
import type { Shape } from './fixtures/random-tree.ts'

const runtimeDir = useRuntimeDir()
expectNothingLeft()

/** Milliseconds within which every process of a tree is gone after its root. */
const GONE_MS = 1_000
/** Milliseconds for which processes of a tree are killed at random, at most. */
const KILLING_MS = 4_000
/** `GREENROOM_DEATHS=5-24` plays these seeds as well, each with a tree of 40 processes. */
const [firstLarge = 1, lastLarge = 0] = (process.env['GREENROOM_DEATHS'] ?? '').split('-').filter(Boolean).map(Number)
const games: [number, string][] = [
  ...[1, 2, 3, 4].map((seed): [number, string] => [seed, 'up to 15']),
  ...Array.from({ length: Math.max(0, lastLarge - firstLarge + 1) }, (_, i): [number, string] => [
    firstLarge + i,
    '40',
  ]),
]

function randomShape(random: () => number, name: string, depth: number, breadth: () => number): Shape {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  return {
    name,
    strategy: pick<Strategy>(STRATEGIES),
    leaf: pick(['asleep', 'busy', 'daemon']),
    children: Array.from({ length: depth === 0 ? 0 : breadth() }, (_, i) =>
      randomShape(random, `${name}.${i}`, depth - 1, breadth),
    ),
  }
}

function namesIn({ name, children }: Shape): string[] {
  return [name, ...children.flatMap(namesIn)]
}

/** Abstract sockets of Linux that somebody listens on. */
function openSockets(): string {
  return existsSync('/proc/net/unix') ? readFileSync('/proc/net/unix', 'utf8') : ''
}

/** What dies because of an earlier death may be gone before its own turn. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

test.each(games)(
  'whoever is killed in a random tree, at whatever moment, nothing of it is left in the end: seed %i, %s processes',
  async (seed, size) => {
    const random = seeded(seed)
    const processes = watchProcesses()
    await using _mesh = await joinMesh({ mesh: 'random', name: 'observer' })
    const sockets = new Set<string>()
    const changes = watchActors()
    const watching = (async () => {
      for await (const { actor } of changes)
        for (const address of actor.addresses) if (actor.name !== 'observer') sockets.add(address)
    })().catch(() => {})
    const shape = randomShape(random, 'tree', 3, size === '40' ? () => 3 : () => 1 + Math.floor(random() * 2))
    // the root itself runs the first level
    const names = namesIn(shape).slice(1)
    const root = await startProgram(new URL('./fixtures/random-tree.ts', import.meta.url), {
      args: ['random', JSON.stringify(shape)],
    })
    // every second one while the tree still grows
    const enough = seed % 2 === 0 ? 1 : names.length
    await eventually(
      `${enough} of ${names.join()} are up`,
      () => names.filter((name) => findActors(name).length > 0).length >= enough,
      40_000,
    )
    const end = performance.now() + KILLING_MS * random()
    while (performance.now() < end) {
      const alive = processes.list().filter(({ pid }) => pid !== root.pid)
      const victim = alive[Math.floor(random() * alive.length)]
      if (victim === undefined) break
      killIfThere(victim.pid)
      await delay(random() * 400)
    }
    root.kill('SIGKILL')
    await root.waitForExit()
    await processes.expectNoneLeft(GONE_MS)
    const all = ['tree root', ...names]
    await eventually('the registry knows none of them', () => all.every((name) => findActors(name).length === 0))
    const folder = join(runtimeDir.path, `greenroom-${process.getuid?.()}`, 'random', 'roots')
    await eventually('only the observer is in the rendezvous', () => readdirSync(folder).length === 1)
    const paths = [...sockets].filter((address) => address.startsWith('/unix/'))
    const left = openSockets()
    for (const path of paths)
      expect(left).not.toContain(decodeURIComponent(path.slice('/unix/'.length)).replaceAll('\0', ''))
    await changes.return(undefined as never)
    await watching
  },
)

test.each([
  ['breadth 2, depth 3', 2, 3, 14],
  ['40 processes', 3, 3, 39],
])(
  'a tree of nurseries in actors, %s, is gone within a second when its top is cancelled',
  async (_, breadth, depth, size) => {
    const processes = watchProcesses()
    await using _mesh = await joinMesh({ name: 'top' })
    let cancelled = 0
    let report: NurseryReport | undefined
    await openNursery(
      async (nursery) => {
        for (let i = 0; i < breadth; i++) await nursery.runInActor(`t.${i}`, growTree, breadth, depth - 1, 'asleep')
        const last = `t${`.${breadth - 1}`.repeat(depth)}`
        await eventually(
          'the whole tree is up',
          () => processes.list().length === size && findActors(last).length === 1,
          60_000,
        )
        await delay(300)
        cancelled = performance.now()
        nursery.cancel()
        report = nursery.report
        // on a slow machine the ladder takes its time as well
      },
      { graceMs: deadline(1_000) },
    )
    // What is below an actor that was ended by force is an orphan, and has a moment of its own.
    const forced = report!.children.some(({ steps }) => steps.some(({ step }) => step !== 'cancel'))
    if (forced) await eventually('the orphans are gone', () => processes.list().length === 0)
    expect(processes.list()).toEqual([])
    expect(performance.now() - cancelled).toBeLessThan(deadline(GONE_MS))
  },
)

test('a tree of 40 processes is gone within a second when its root is killed', async () => {
  const processes = watchProcesses()
  const shape = (name: string, depth: number): Shape => ({
    name,
    strategy: 'one-cancels-all',
    leaf: 'busy',
    children: depth === 0 ? [] : [0, 1, 2].map((i) => shape(`${name}.${i}`, depth - 1)),
  })
  // idle leaves: 27 busy loops would starve the machine instead of the test's subject
  const idle = JSON.stringify(shape('tree', 3)).replaceAll('busy', 'asleep')
  const root = await startProgram(new URL('./fixtures/random-tree.ts', import.meta.url), { args: ['', idle] })
  await eventually('the whole tree is up', () => processes.list().length >= 40, 60_000)
  await delay(300)
  root.kill('SIGKILL')
  await root.waitForExit()
  await processes.expectNoneLeft(GONE_MS)
})
