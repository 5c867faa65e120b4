import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/security.md', root), 'utf8')

const shown = [...page.matchAll(/`(test\/[\w./-]+\.test\.ts)`: "([^"]+)"/g)].map(([, file = '', title = '']) => ({
  file,
  title,
}))
const attempts = page.split('\n').filter((line) => line.startsWith('| to '))

test('each attempt on the page on security is answered by a law', () => {
  expect(attempts.length).toBeGreaterThan(15)
  for (const attempt of attempts) expect(attempt).toMatch(/ \| `test\/[\w./-]+`: "[^"]+" \|$/)
})

test.each(shown)('$file has the law: $title', ({ file, title }) => {
  expect(readFileSync(new URL(file, root), 'utf8')).toContain(title)
})
