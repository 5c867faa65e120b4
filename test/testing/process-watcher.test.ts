import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { isAlive, watchProcesses } from '../support/process-watcher.ts'

const idle = 'setInterval(() => {}, 1000)'

describe('the process watcher', () => {
  test('it sees what was started since, with its command line, until it is gone', async () => {
    const watcher = watchProcesses()
    const child = spawn(process.execPath, ['-e', idle])
    await once(child, 'spawn')
    await eventually('it is seen', () => watcher.list().some(({ pid }) => pid === child.pid))
    expect(watcher.list()[0]?.command).toContain('setInterval')
    expect(isAlive(child.pid!)).toBe(true)
    child.kill('SIGKILL')
    await watcher.expectNoneLeft()
    expect(isAlive(child.pid!)).toBe(false)
  })

  test('what ran before is not its business', async () => {
    const child = spawn(process.execPath, ['-e', idle])
    await once(child, 'spawn')
    const watcher = watchProcesses()
    await watcher.expectNoneLeft()
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  test.runIf(existsSync('/proc/self/environ'))('a grandchild whose parent died is still seen', async () => {
    const watcher = watchProcesses()
    const script = `process.stdout.write(String(require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(idle)}]).pid)); ${idle}`
    const child = spawn(process.execPath, ['-e', script])
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    child.kill('SIGKILL')
    await once(child, 'exit')
    const grandchild = Number(said.toString())
    await eventually('only the grandchild is left', () => watcher.list().every(({ pid }) => pid === grandchild))
    expect(isAlive(grandchild)).toBe(true)
    // it fails with the command line, and ends what it complains about
    await expect(watcher.expectNoneLeft(100)).rejects.toThrow(/left behind:\n.*setInterval/)
    await eventually('it was killed', () => !isAlive(grandchild))
  })
})
