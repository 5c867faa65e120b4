import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { watchProcesses } from '../support/process-watcher.ts'
import { type Program, startProgram } from '../support/program.ts'

/** SIGINT and SIGTERM are tested with the orphans. */
expectNothingLeft()

const program = new URL('./fixtures/described.ts', import.meta.url)

async function startOpera(...args: string[]): Promise<{ root: Program; pids: number[] }> {
  const root = await startProgram(program, { args })
  const line = await root.waitForLine(/^pids/, 20_000)
  await root.waitForLine('up')
  return { root, pids: line.split(' ').slice(1).map(Number) }
}

test('SIGHUP takes the tree down in order, as SIGTERM does, and exits with 129', async () => {
  const { root } = await startOpera()
  const sent = performance.now()
  root.kill('SIGHUP')
  expect(await root.waitForExit(2_000)).toEqual({ code: 129, signal: null })
  expect(performance.now() - sent).toBeLessThan(deadline(2_000))
  expect(root.stdout).toContain('the root has cleaned up')
})

test('a terminal that goes away tells the whole group, and the tree still ends in order', async () => {
  const { root, pids } = await startOpera()
  for (const pid of pids) process.kill(pid, 'SIGHUP')
  root.kill('SIGHUP')
  expect(await root.waitForExit()).toEqual({ code: 129, signal: null })
  expect(root.stderr).toEqual([])
  expect(root.stdout).toContain('the root has cleaned up')
})

test('the first signal that asks for the end says the exit code', async () => {
  const { root } = await startOpera()
  root.kill('SIGHUP')
  // The system does not keep the order of signals that nobody has taken yet.
  await root.waitForLine('the root has cleaned up')
  root.kill('SIGTERM')
  expect(await root.waitForExit()).toEqual({ code: 129, signal: null })
})

test('SIGQUIT ends a root at once, as the system does, and its descendants with it', async () => {
  const processes = watchProcesses()
  const { root } = await startOpera()
  root.kill('SIGQUIT')
  expect(await root.waitForExit()).toEqual({ code: null, signal: 'SIGQUIT' })
  expect(root.stdout).not.toContain('the root has cleaned up')
  await processes.expectNoneLeft(2_000)
})

test.each(['process', 'warm', 'thread'])(
  'SIGUSR2 prints the live tree of actors of the kind %s, as often as it comes, and ends nobody',
  async (method) => {
    const { root } = await startOpera(method)
    root.kill('SIGUSR2')
    await root.waitForLine(/^opera \(….{8}, process \d+, up for/)
    await eventually('the tree was printed', () => root.stderr.some((line) => line.includes('actor trapdoor')))
    const text = root.stderr.join('\n')
    expect(text).toContain('is calling described#sing in tenor (')
    expect(text).toContain('is calling described#rehearse in stage (')
    expect(text).toContain('runs described#direct for opera (')
    expect(text).toContain('is sleeping for 600000 ms (')
    expect(text).toContain('task prompter: since')
    expect(text).not.toContain('SILENT')
    root.kill('SIGUSR2')
    await eventually(
      'it was printed again',
      () => root.stderr.filter((line) => line.startsWith('opera (')).length === 2,
    )
    root.kill('SIGTERM')
    expect(await root.waitForExit()).toEqual({ code: 143, signal: null })
  },
)

test('SIGUSR2 to the processes of a tree is left to the root', async () => {
  const { root, pids } = await startOpera()
  for (const pid of pids) process.kill(pid, 'SIGUSR2')
  root.kill('SIGUSR2')
  await root.waitForLine('actor trapdoor')
  root.kill('SIGTERM')
  expect(await root.waitForExit()).toEqual({ code: 143, signal: null })
  expect(root.stderr.filter((line) => line.includes('up for'))).toHaveLength(1)
})
