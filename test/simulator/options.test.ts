import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readOptions, USAGE } from './options.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

function simulate(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 30_000 })
}

describe('npm run simulate', () => {
  test('replays a seed: twice the same trace', () => {
    const [first, again] = [1, 2].map(() => simulate('--seed', '42', '--json'))
    expect(first?.status).toBe(0)
    const { hash, failed } = JSON.parse(first?.stdout ?? '') as { hash: string; failed: unknown[] }
    expect(failed).toEqual([])
    expect((JSON.parse(again?.stdout ?? '') as { hash: string }).hash).toBe(hash)
  })

  test('says what it ran', () => {
    const { stdout, status } = simulate('--nodes', '20', '--seed', '42', '--fault', 'partition', '--mode', 'safety')
    expect(stdout).toMatch(/^1 seed from 42: 0 broke a law; .* trace [0-9a-f]+-\d+$/m)
    expect(status).toBe(0)
  })

  test('explains itself', () => {
    const { stdout, status } = simulate('--help')
    expect(stdout.trim()).toBe(USAGE)
    expect(status).toBe(0)
  })

  test('a wrong argument is an error that says what is right, without a stack', () => {
    const { stderr, status } = simulate('--nodes', 'many')
    expect(stderr).toContain("--nodes is a whole number from 1 to 10000, got 'many'")
    expect(stderr).not.toContain('    at ')
    expect(status).toBe(2)
  })

  test.each([
    ['--fault', 'earthquake', /--fault is one of weather, .*, got 'earthquake'/],
    ['--mode', 'fast', /--mode is one of liveness, safety, got 'fast'/],
    ['--electorate', 'all', /--electorate is one of elastic, quorum, got 'all'/],
    ['--profile', 'moon', /--profile is one of loopback, lan, wan, got 'moon'/],
    ['--seeds', '0', /--seeds is a whole number from 1/],
    ['--seed', '', /--seed is a whole number from 0/],
    ['--keep', '1,x', /--keep is a whole number from 0/],
    ['--colour', 'red', /colour/],
  ])('%s %j is refused', (option, value, message) => {
    const args = option === '--keep' ? ['--seed', '1', option, value] : [option, value]
    expect(() => readOptions(args)).toThrow(message)
  })
})
