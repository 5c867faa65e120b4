import { expect, test } from 'vitest'
import { MAX_KEPT_REIGNS, Reigns } from '../../discovery/reigns.ts'

test('the latest reigns are kept, in the order in which they were heard of', () => {
  const reigns = new Reigns()
  for (let term = 1; term <= MAX_KEPT_REIGNS + 5; term++)
    reigns.note({ since: term, term, arbiter: { name: 'a', id: 'x' }, provisional: false })
  const terms = reigns.list().map(({ term }) => term)
  expect(terms).toHaveLength(MAX_KEPT_REIGNS)
  expect([terms[0], terms.at(-1)]).toEqual([6, MAX_KEPT_REIGNS + 5])
})
