import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

/** Long enough that to have it compiled, or not, shows in the size of the cache. */
const SCRIPT = `(() => {
  ${Array.from({ length: 50 }, (_, i) => `function f${i}(x) { return [x, x + ${i}, { x, more: [x * ${i}, String(x)] }].length }`).join('\n')}
  return { ${Array.from({ length: 50 }, (_, i) => `f${i}`).join(', ')} }
})`

describe('the cache of the script that children boot from', () => {
  let folder: string
  let cache: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'greenroom-cached-script-'))
    cache = join(folder, 'compile-cache')
    copyFileSync(new URL('../../scripts/lean/cached-script.ts', import.meta.url), join(folder, 'cached-script.ts'))
    writeFileSync(join(folder, 'library.js'), SCRIPT)
    writeFileSync(
      join(folder, 'boot.mjs'),
      `import { runCached } from './cached-script.ts'
       const library = runCached('library.js', process.argv[3] ?? 'hash')()
       for (const name of process.argv[2].split(',').filter(Boolean)) console.log(library[name](1))
       if (process.argv[4] === 'fail') process.exit(1)`,
    )
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  async function boot(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'boot.mjs'), ...args])
    return stdout.trim()
  }

  function kept(): Buffer {
    const files = readdirSync(cache)
    expect(files).toHaveLength(1)
    return readFileSync(join(cache, files[0]!))
  }

  const ALL = Array.from({ length: 50 }, (_, i) => `f${i}`).join(',')

  test('holds what has run, and the first three processes add to it', async () => {
    await boot('f0')
    const first = kept()
    await boot(ALL)
    const second = kept()
    expect(second.length).toBeGreaterThan(first.length * 1.5)
    await boot('f1')
    const third = kept()
    // what ran in earlier processes is still there
    expect(third.length).toBeGreaterThanOrEqual(second.length)
    await boot('f2')
    expect(kept().equals(third)).toBe(true)
    expect(first.at(-1)).toBe(1)
    expect(third.at(-1)).toBe(3)
  })

  test('is made anew when V8 refuses it, and is not that of another script', async () => {
    await boot('f0')
    const [file] = readdirSync(cache)
    writeFileSync(join(cache, file!), Buffer.concat([Buffer.alloc(1_000, 7), Buffer.of(3)]))
    expect(await boot('f0')).toBe('3')
    expect(kept().at(-1)).toBe(1)
    expect(kept().length).toBeGreaterThan(1_001)
    await boot('f0', 'another')
    expect(readdirSync(cache)).toHaveLength(2)
  })

  test('is not written by a process that fails, nor needed where it cannot be written', async () => {
    await expect(boot('f0', 'hash', 'fail')).rejects.toThrow('Command failed')
    expect(() => readdirSync(cache)).toThrow('ENOENT')
    writeFileSync(cache, 'a file where the folder should be')
    expect(await boot('f0')).toBe('3')
    expect(readFileSync(cache, 'utf8')).toBe('a file where the folder should be')
    rmSync(cache)
    mkdirSync(cache)
    expect(await boot(ALL)).toMatch(/^3\n/)
    expect(kept().at(-1)).toBe(1)
  })
})
