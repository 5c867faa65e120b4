import { globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as exitHandlers from '../../node/exit-handlers.ts'
import * as failureTree from '../../nursery/failure-tree.ts'
import * as report from '../../nursery/report.ts'
import * as restartPolicy from '../../nursery/restart-policy.ts'
import * as supervisedActor from '../../nursery/supervised-actor.ts'

const page = readFileSync(new URL('../../docs/supervision.md', import.meta.url), 'utf8')
const laws = globSync(new URL('../nursery/*.test.ts', import.meta.url).pathname)
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')
const limits: Record<string, unknown> = {
  ...exitHandlers,
  ...failureTree,
  ...report,
  ...restartPolicy,
  ...supervisedActor,
}

/** Tests in OTP's suite. */
const SCENARIOS = 93

describe('the page on supervision', () => {
  const scenarios = [...page.matchAll(/^\| (.+) \| (holds.*) \| `(.+)` \|$/gm)].map(([, scenario, , law]) => ({
    scenario,
    law: law!,
  }))

  test('compares each scenario of the suite once', () => {
    const table = page.slice(page.indexOf('| scenario |'))
    const names = [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) => cell.match(/`[a-z0-9_]+`/g) ?? [])
    expect(names.length).toBe(new Set(names).size)
    expect(names).toHaveLength(SCENARIOS)
  })

  test.each(scenarios)('names a test that exists for $scenario', ({ law }) => {
    expect(laws).toContain(law)
  })

  const rows = [...page.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]+) \|$/gm)].map(([, names = '', text = '']) => ({
    names: [...names.matchAll(/[A-Z_]+/g)].map(([name]) => name),
    text,
  }))

  test('lists bounds', () => expect(rows.length).toBeGreaterThan(7))

  test.each(rows)('$names are as it says', ({ names, text }) => {
    const numbers = [...text.matchAll(/\d[\d,]*/g)].map(([digits]) => Number(digits.replaceAll(',', '')))
    expect(numbers).toEqual(expect.arrayContaining(names.map((name) => limits[name])))
  })
})
