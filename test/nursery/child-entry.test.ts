import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ActorTree } from '../../nursery/actor-tree.ts'
import { MAX_BUNDLES } from '../../nursery/child-entry.ts'
import { showTree } from '../../nursery/show-tree.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { startProgram } from '../support/program.ts'

const TREE: ActorTree = {
  name: 'opera',
  id: 'id',
  pid: 1,
  at: 2,
  since: 1,
  cancelled: undefined,
  waits: [
    { what: 'sleeping', since: 1 },
    { what: 'calling', since: 1 },
  ],
  serves: [],
  nurseries: [],
  leftOut: 0,
}

expectNothingLeft()

const program = new URL('./fixtures/entry-program.ts', import.meta.url)

test('children and their children boot from a bundle that is the only copy of the library in them', async () => {
  await using running = await startProgram(program)
  expect(await running.waitForExit(20_000)).toEqual({ code: 0, signal: null })
  expect(running.stdout).toEqual([
    `${fileURLToPath(program)} root true`,
    expect.stringMatching(/boot\.mjs level-1 true$/),
    expect.stringMatching(/boot\.mjs level-0 true$/),
  ])
})

test('GREENROOM_BOOT=modules boots children from the modules one by one', async () => {
  await using running = await startProgram(program, { env: { GREENROOM_BOOT: 'modules' } })
  expect(await running.waitForExit(20_000)).toEqual({ code: 0, signal: null })
  expect(running.stdout.slice(1)).toEqual([
    expect.stringMatching(/nursery\/child\.ts level-1 true$/),
    expect.stringMatching(/nursery\/child\.ts level-0 true$/),
  ])
})

describe('the bundle of a copy of the sources', () => {
  const project = fileURLToPath(new URL('../..', import.meta.url))
  const copy = mkdtempSync(join(tmpdir(), 'greenroom-entry-'))
  const cache = join(copy, 'node_modules', '.cache', 'greenroom')

  beforeAll(() => {
    for (const part of [
      'index.ts',
      'node',
      'rpc',
      'discovery',
      'nursery',
      'telemetry',
      'cli',
      'scripts',
      'package.json',
      'testing',
    ])
      cpSync(join(project, part), join(copy, part), { recursive: true })
    mkdirSync(join(copy, 'node_modules'))
    for (const name of readdirSync(join(project, 'node_modules')))
      if (name !== '.cache') symlinkSync(join(project, 'node_modules', name), join(copy, 'node_modules', name))
  })
  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  /** What a child of a program that starts now would run. */
  async function entry(): Promise<string> {
    const from = pathToFileURL(join(copy, 'nursery', 'child-entry.ts')).href
    const code = `const entry = await import('${from}'); await entry.prepareChildEntry(); console.log(entry.childEntry())`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
    return stdout.trim()
  }

  test('is made once, also by programs that start at the same time', async () => {
    const [first, second, third] = await Promise.all([entry(), entry(), entry()])
    expect(first).toMatch(/boot\.mjs$/)
    expect([second, third, await entry()]).toEqual([first, first, first])
    expect(readdirSync(cache)).toHaveLength(1)
  })

  test('keeps the names of the error classes, also of those that have namesakes in other packages', async () => {
    const index = pathToFileURL(join(dirname(await entry()), 'index.mjs')).href
    const script = `
      const renamed = Object.entries(await import(${JSON.stringify(index)}))
        .filter(([, value]) => value?.prototype instanceof Error)
        .map(([name, Class]) => [name, Class.name])
      console.log(JSON.stringify(renamed))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    const names = JSON.parse(stdout) as [string, string][]
    expect(names.map(([name]) => name)).toContain('InvalidArgument')
    expect(names.filter(([exported, name]) => exported !== name)).toEqual([])
  })

  test('makes a child of no other process that loads the library from it, as the command does', async () => {
    const index = pathToFileURL(join(dirname(await entry()), 'index.mjs')).href
    const script = `
      await import(${JSON.stringify(index)})
      console.log(process.eventNames().filter((name) => /^SIG|uncaught|unhandled|message/.test(String(name))).join())`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    expect(stdout.trim()).toBe('')
  })

  test('is plain ASCII, and says the same as the sources', async () => {
    const folder = dirname(await entry())
    const code = readFileSync(join(folder, 'library.js'), 'latin1')
    expect(/[^\0-\x7f]/.exec(code)?.[0]).toBeUndefined()
    const tree = pathToFileURL(join(folder, 'nursery', 'show-tree.mjs')).href
    expect(code).toContain('\\u251c')
    const script = `
      const { showTree } = await import(${JSON.stringify(tree)})
      process.stdout.write(showTree(${JSON.stringify({ ...TREE, cancelled: 'nobody' })}))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    expect(stdout).toBe(showTree({ ...TREE, cancelled: 'nobody' }))
    expect(showTree(TREE)).toContain('├')
  })

  test('is made anew when a source has changed, and a bounded number of old ones is kept', async () => {
    const entries = new Set<string>()
    for (let i = 0; i <= MAX_BUNDLES; i++) {
      writeFileSync(join(copy, 'node', 'changed.ts'), `export const changed = ${10 ** i}\n`)
      entries.add(await entry())
    }
    expect(entries.size).toBe(MAX_BUNDLES + 1)
    expect(readdirSync(cache)).toHaveLength(MAX_BUNDLES)
    expect(readdirSync(cache)).toContain([...entries].at(-1)!.split('/').at(-2))
  })

  test('that cannot be made is done without', async () => {
    writeFileSync(join(copy, 'scripts', 'boot-bundle.ts'), 'throw new Error("no bundler here")\n')
    expect(await entry()).toBe(join(copy, 'nursery', 'child.ts'))
  })
})
