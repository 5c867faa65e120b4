import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MEASURES } from '../../bench/measures.ts'

const text = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8')

test('docs/performance.md shows a run of every row that the bench has, in its order', () => {
  const table = /```\n(Node [\s\S]*?)```/.exec(text)?.[1] ?? ''
  const lines = table.split('\n')
  const names = MEASURES.flatMap(({ rows }) => rows.map(({ name }) => name))
  const places = names.map((name) => lines.findIndex((line) => line.startsWith(`${name} `)))
  expect(places.every((place) => place > 0)).toBe(true)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

test('docs/performance.md names every target as the table does', () => {
  const targets = MEASURES.flatMap(({ rows }) => rows.flatMap((row) => row.targets ?? []))
  const words = targets.map(({ of, atLeast, atMost }) => {
    const bound = atLeast === undefined ? `<= ${atMost?.toLocaleString('en')}` : `>= ${atLeast.toLocaleString('en')}`
    return of === 'value' ? bound : `${of} ${bound}`
  })
  expect(words.filter((word) => !text.includes(word))).toEqual([])
})
