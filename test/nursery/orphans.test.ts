import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { joinMesh, openNursery } from '../../index.ts'
import { SAME_SIGNAL_MS, SIGNAL_GRACE_MS } from '../../nursery/process-signals.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { isAlive, watchProcesses } from '../support/process-watcher.ts'
import { startProgram } from '../support/program.ts'
import { actors, whoAmI } from './fixtures/actors.ts'

expectNothingLeft()

const program = new URL('./fixtures/tree-program.ts', import.meta.url)

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s on a root takes its tree down in order and exits with %i', async (signal, code) => {
  const root = await startProgram(program)
  await root.waitForLine('up')
  const sent = performance.now()
  root.kill(signal)
  expect(await root.waitForExit(2_000)).toEqual({ code, signal: null })
  expect(performance.now() - sent).toBeLessThan(deadline(2_000))
})

test('SIGINT while the actors are still being started leaves nothing', async () => {
  const root = await startProgram(program)
  await root.waitForLine(/^a \d+/)
  root.kill('SIGINT')
  expect(await root.waitForExit()).toEqual({ code: 130, signal: null })
})

test('Ctrl-C reaches the whole group, and the tree still ends in order', async () => {
  const root = await startProgram(program)
  await root.waitForLine('up')
  const pids = root.stdout.map((line) => Number(/\d+$/.exec(line)?.[0])).filter((pid) => pid > 0)
  for (const pid of pids) process.kill(pid, 'SIGINT')
  root.kill('SIGINT')
  expect(await root.waitForExit()).toEqual({ code: 130, signal: null })
  expect(root.stderr).toEqual([])
})

test('a second SIGINT ends a root at once, deaf children included', async () => {
  const root = await startProgram(program, { args: ['deaf', '60000'] })
  await root.waitForLine('up')
  const [a = 0, b = 0] = root.stdout.map((line) => Number(/\d+$/.exec(line)?.[0]))
  root.kill('SIGINT')
  await eventually('the first signal has ended the others', () => !isAlive(a) && !isAlive(b))
  await delay(SAME_SIGNAL_MS + 50)
  root.kill('SIGINT')
  expect(await root.waitForExit(1_000)).toEqual({ code: 130, signal: null })
})

test('SIGINT that comes twice for one key press, as under npm, ends a root in order', async () => {
  const root = await startProgram(program)
  await root.waitForLine('up')
  root.kill('SIGINT')
  root.kill('SIGINT')
  expect(await root.waitForExit()).toEqual({ code: 130, signal: null })
  expect(root.stdout).toContain('the root has cleaned up')
})

test('a main that reacts to no cancel does not keep a root from ending on SIGINT', async () => {
  const root = await startProgram(program, { args: ['stuck'] })
  await root.waitForLine('up')
  root.kill('SIGINT')
  expect(await root.waitForExit(SIGNAL_GRACE_MS + 700)).toEqual({ code: 130, signal: null })
})

test('a block that nobody awaits does not outlive its actor', async () => {
  const processes = watchProcesses()
  const root = await startProgram(program, { args: ['abandoned'] })
  expect(await root.waitForExit()).toEqual({ code: 0, signal: null })
  expect(processes.list()).toEqual([])
})

test('SIGKILL of a root takes every descendant with it, a busy grandchild included', async () => {
  const processes = watchProcesses()
  const root = await startProgram(program, { args: ['busy-tree'] })
  await root.waitForLine(/^busy \d+/, 20_000)
  await eventually('the whole tree is up', () => processes.list().length >= 4)
  root.kill('SIGKILL')
  await root.waitForExit()
  await processes.expectNoneLeft(2_000)
})

test('SIGKILL of an actor in the middle is a failure above it and the end of everything below it', async () => {
  const processes = watchProcesses()
  const root = await startProgram(program, { args: ['busy-tree'] })
  const line = await root.waitForLine(/^busy \d+/, 20_000)
  const leaf = processes.list().find(({ pid }) => pid === Number(line.split(' ')[1]))
  process.kill(leaf!.ppid, 'SIGKILL')
  expect(await root.waitForExit()).toMatchObject({ code: 1 })
  expect(root.stderr.join('\n')).toContain('SIGKILL')
  await processes.expectNoneLeft(2_000)
})

test('a process that is stopped is ended by force when its nursery is cancelled, and delays nobody', async () => {
  await using _mesh = await joinMesh({ name: 'root', logLevel: 'error' })
  await openNursery(
    async (nursery) => {
      const [stopped, sibling] = await Promise.all(
        ['stopped', 'sibling'].map((name) => nursery.startActor(name, { modules: [actors] })),
      )
      const { pid } = await stopped!.run(whoAmI)
      const { pid: other } = await sibling!.run(whoAmI)
      process.kill(pid, 'SIGSTOP')
      nursery.cancel()
      await eventually('the sibling is gone', () => !isAlive(other))
      expect(isAlive(pid)).toBe(true)
      await eventually('the stopped one is gone', () => !isAlive(pid))
      expect(nursery.report.children[0]?.steps.map(({ step }) => step)).toEqual(['cancel', 'SIGTERM', 'SIGKILL'])
    },
    { graceMs: deadline(600) },
  )
})

test('an orphan that is stopped ends as soon as it goes on, and keeps no other one from ending', async () => {
  const processes = watchProcesses()
  const root = await startProgram(program)
  await root.waitForLine('up')
  const [a = 0] = root.stdout.map((line) => Number(/\d+$/.exec(line)?.[0]))
  process.kill(a, 'SIGSTOP')
  root.kill('SIGKILL')
  await eventually('the others are gone', () => processes.list().length === 1)
  process.kill(a, 'SIGCONT')
  await processes.expectNoneLeft(1_000)
})
