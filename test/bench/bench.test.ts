import { expect, test } from 'vitest'
import { MEASURES } from '../../bench/measures.ts'
import type { Row } from '../../bench/table.ts'
import { whyNoNetwork } from '../hosts/support/network.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const file = new URL('../../bench/main.ts', import.meta.url)
const LIMIT = 55_000

const runtime = useRuntimeDir()
expectNothingLeft()

/** Runs the bench to its end with windows that are too short to mean anything. */
async function bench(...args: readonly string[]): Promise<Program> {
  const program = await startProgram(file, {
    args: ['--rounds=1', '--window=20', ...args],
    // fewer roots, and a shorter silence, than it is about: the test is of the bench, not of the mesh
    env: { TMPDIR: runtime.path, GREENROOM_BENCH_ROOTS: '4', GREENROOM_BENCH_BRIEF: '1' },
  })
  const exit = await program.waitForExit(LIMIT)
  expect({ ...exit, stderr: program.stderr }).toEqual({ code: 0, signal: null, stderr: [] })
  return program
}

/** Three runs, each well below the limit of a test: cold calls, spawns and whole lives start many processes. */
const SPAWNING = ['cold', 'spawn']
const LIVES = ['warm', 'thread', 'many', 'cancel', 'reap', 'idle']
const MESH = MEASURES.map(({ id }) => id).filter((id) => id.startsWith('discovery-'))
const HOSTS = MEASURES.map(({ id }) => id).filter((id) => id.startsWith('hosts-'))
const STEADY = MEASURES.map(({ id }) => id).filter(
  (id) => ![...SPAWNING, ...LIVES, ...MESH].includes(id) && !id.startsWith('hosts-'),
)
const onHosts = whyNoNetwork() === undefined ? [{ ids: HOSTS }] : []

test.each([{ ids: STEADY }, { ids: SPAWNING }, { ids: LIVES }, { ids: MESH }, ...onHosts])(
  'one run measures every row of $ids on every pair',
  async ({ ids }) => {
    const { stdout } = await bench('--json', `--only=${ids.join(',')}`)
    const { rows } = JSON.parse(stdout.join('\n')) as { rows: Row[] }
    const planned = MEASURES.filter(({ id }) => ids.includes(id)).flatMap(({ rows: plans, pairs }) =>
      plans.map(({ id, targets }) => ({
        id,
        columns: pairs
          .map((pair) => (pair === 'mesh' || pair === 'hosts' ? 'greenroom' : pair))
          .filter((pair) => pair !== 'stock')
          .toSorted(),
        targets: targets?.length ?? 0,
      })),
    )
    expect(
      rows.map(({ id, cells, targets }) => ({
        id,
        columns: Object.keys(cells).toSorted(),
        targets: targets.length,
      })),
    ).toEqual(planned)
    const numbers = rows.flatMap(({ id, ratio, cells }) => [
      ...(['beside-over-idle', 'step'].includes(id) ||
      LIVES.includes(id) ||
      id.startsWith('discovery-') ||
      id.startsWith('hosts-')
        ? []
        : [{ id, number: ratio }]),
      ...Object.values(cells).flatMap(({ median, samples }) => [median, ...samples].map((number) => ({ id, number }))),
    ])
    expect(numbers.filter(({ number }) => !(Number.isFinite(number) && number! > 0))).toEqual([])
  },
)

test('the table has a line for each row, with the ratio to the floor and the verdict', async () => {
  const { stdout } = await bench('--only=calls-1', '--pairs=greenroom,stock,libp2p')
  expect(stdout[0]).toContain(process.version)
  const line = (name: string): string => stdout.find((text) => text.startsWith(name)) ?? ''
  expect(line('calls, 1 in flight  ')).toMatch(/calls\/s( +[\d,.]+ ± *\d+%){2} +\d+\.\d\d ratio >= 1\.5 (NOT )?met$/)
  expect(line('calls, 1 in flight, stock path')).toMatch(/ \d+\.\d\d ratio >= 0\.9 (NOT )?met$/)
})

test('a profile of both ends names the functions that take the time', async () => {
  const { stdout } = await bench('--profile=calls-64')
  expect(stdout.filter((line) => /-(caller|callee)\.cpuprofile$/.test(line))).toHaveLength(2)
  expect(stdout.filter((line) => /^ +\d+\.\d %  \S/.test(line)).length).toBeGreaterThan(10)
})

test.each([
  ['--only=nothing', 'there is no measure named nothing'],
  ['--pairs=udp', 'there is no pair named udp'],
  ['--rounds=0', '--rounds is a whole number above 0'],
])('%s is refused before anything starts', async (argument, words) => {
  const program = await startProgram(file, { args: [argument] })
  await program.waitForLine(words)
  expect((await program.waitForExit()).code).toBe(1)
})

test('killed in the middle, it leaves nothing behind', async () => {
  const program = await startProgram(file, { args: ['--only=calls', '--rounds=100'] })
  await program.waitForLine(/^measure/, LIMIT)
  program.kill()
  expect((await program.waitForExit()).signal).toBe('SIGKILL')
})
