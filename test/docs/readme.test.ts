import { existsSync, globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { quotedExamples, quoteExamples, quotingPages } from '../../scripts/quote-examples.ts'

const root = new URL('../../', import.meta.url)
const texts = quotingPages().map((page) => readFileSync(page, 'utf8'))

test('the README and the pages quote the examples as they are', () => {
  for (const text of texts) expect(text).toBe(quoteExamples(text))
})

test('every example is quoted, but for the main demo', () => {
  const files = globSync('examples/{*,testing/*}.ts', { cwd: root }).filter((file) => file !== 'examples/premiere.ts')
  expect(texts.flatMap(quotedExamples).toSorted()).toEqual(files.toSorted())
})

test.each(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/*.md', { cwd: root })])(
  'the links of %s lead somewhere',
  (file) => {
    const url = new URL(file, root)
    const targets = [...readFileSync(url, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target)
    expect(targets.filter((target) => !existsSync(new URL(target, url)))).toEqual([])
  },
)
