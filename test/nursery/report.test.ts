import { describe, expect, test } from 'vitest'
import { nurseryReports } from '../../index.ts'
import {
  attachReport,
  Books,
  ChildPage,
  MAX_REPORTED_CHILDREN,
  MAX_REPORTED_STEPS,
  MAX_REPORTED_TEXT,
  MAX_REPORTS_OF_ERROR,
} from '../../nursery/report.ts'

describe('a report', () => {
  test('forgets the children that ended first when there are too many, and counts them', () => {
    const books = new Books('root')
    const alive = books.open('actor', 'alive')
    for (let i = 0; i < MAX_REPORTED_CHILDREN + 9; i++) books.open('task', `task ${i}`).end('done')
    const { children, forgotten } = books.read()
    expect(children.length).toBe(MAX_REPORTED_CHILDREN)
    expect(forgotten).toBe(10)
    expect(children[0]?.name).toBe('alive')
    expect(children[1]?.name).toBe('task 10')
    alive.end('cancelled')
    expect(books.read().children[0]?.outcome).toBe('cancelled')
  })

  test('tells nothing of a child that is too many while all the others are alive', () => {
    const books = new Books('root')
    for (let i = 0; i <= MAX_REPORTED_CHILDREN; i++) books.open('task', `task ${i}`)
    expect(books.read()).toMatchObject({ forgotten: 1 })
    expect(books.read().children.at(-1)?.name).toBe(`task ${MAX_REPORTED_CHILDREN - 1}`)
  })

  test('remembers the latest steps and restarts of a child, and counts all restarts', () => {
    const page = new ChildPage('actor', 'phoenix')
    for (let i = 0; i < 100; i++) {
      page.step('cancel', `step ${i}`)
      page.restart(`restart ${i}`, 1.4)
    }
    const { steps, restarts, restartCount, outcome } = page.read()
    expect([steps.length, restarts.length, restartCount]).toEqual([MAX_REPORTED_STEPS, MAX_REPORTED_STEPS, 100])
    expect([steps.at(-1)?.why, restarts.at(-1)?.why, restarts[0]?.delayMs]).toEqual(['step 99', 'restart 99', 1])
    expect(outcome).toBe('restarting')
  })

  test('shortens a long reason, and keeps the first end of a child', () => {
    const page = new ChildPage('task', 'wordy')
    page.end('failed', 'x'.repeat(MAX_REPORTED_TEXT * 2))
    page.end('done')
    expect(page.read().outcome).toBe('failed')
    expect(page.read().error?.length).toBe(MAX_REPORTED_TEXT)
    expect(page.read().error?.endsWith('…')).toBe(true)
  })

  test('is a picture of its moment: what happens later does not change it', () => {
    const books = new Books('root')
    const page = books.open('actor', 'a')
    const before = books.read()
    page.step('SIGKILL', 'late')
    page.end('done')
    books.close()
    expect(before.children[0]).toMatchObject({ outcome: 'starting', steps: [], endedAt: undefined })
    expect(before.endedAt).toBeUndefined()
  })

  test('is tied to errors in a bounded number, the latest ones', () => {
    const error = new Error('through many nurseries')
    for (let i = 0; i < MAX_REPORTS_OF_ERROR + 5; i++) attachReport(error, new Books(`nursery ${i}`).read())
    expect(nurseryReports(error).length).toBe(MAX_REPORTS_OF_ERROR)
    expect(nurseryReports(error).at(-1)?.actor).toBe(`nursery ${MAX_REPORTS_OF_ERROR + 4}`)
  })
})
