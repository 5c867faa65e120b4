import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { quotedExamples, quoteExamples } from '../../scripts/quote-examples.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')

test('the README quotes the examples as they are', () => {
  expect(readme).toBe(quoteExamples(readme))
})

test('every example is quoted, but for the main demo', () => {
  const files = readdirSync(new URL('examples/', root)).filter((file) => file.endsWith('.ts') && file !== 'premiere.ts')
  expect(quotedExamples(readme).toSorted()).toEqual(files.map((file) => `examples/${file}`).toSorted())
})

test.each([
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/protocol.md',
  'docs/supervision.md',
  'docs/lifetimes.md',
  'docs/discovery.md',
])('the links of %s lead somewhere', (file) => {
  const url = new URL(file, root)
  const targets = [...readFileSync(url, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target)
  expect(targets.filter((target) => !existsSync(new URL(target, url)))).toEqual([])
})
