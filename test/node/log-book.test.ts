import { afterEach, describe, expect, test, vi } from 'vitest'
import { type CallRef, CancelScope } from '../../node/cancel-scope.ts'
import { InvalidArgument } from '../../node/errors.ts'
import {
  areaLog,
  lastingLogLevel,
  logLevel,
  MAX_LEVEL_MS,
  nameLogs,
  passingLogLevel,
  redirectLogs,
  setLogLevel,
} from '../../node/log.ts'
import { LogBook, type LogLine, MAX_KEPT_CHARACTERS, MAX_KEPT_LINES, MAX_LINE_TEXT } from '../../node/log-book.ts'

const actor = { name: 'donny', id: '12D3KooWQxabcdefgh' }
const line = (text: string): Omit<LogLine, 'actor' | 'seq'> => ({ at: 1, level: 'info', area: 'actor', text })

afterEach(() => {
  vi.useRealTimers()
  setLogLevel('warn')
})

describe('the book of a log', () => {
  test('keeps the latest lines, and counts all of them', () => {
    const book = new LogBook(actor)
    for (let i = 1; i <= 3 * MAX_KEPT_LINES + 5; i++) book.write(line(`line ${i}`))
    const kept = book.recent()
    expect(kept).toHaveLength(MAX_KEPT_LINES)
    expect(kept.at(-1)).toMatchObject({ text: `line ${3 * MAX_KEPT_LINES + 5}`, seq: 3 * MAX_KEPT_LINES + 5, actor })
    expect(kept[0]?.seq).toBe(2 * MAX_KEPT_LINES + 6)
  })

  test('keeps no more characters than its bound, however long the lines are', () => {
    const book = new LogBook(actor)
    for (let i = 0; i < 200; i++) book.write(line('x'.repeat(MAX_LINE_TEXT)))
    const characters = book.recent().reduce((sum, { text }) => sum + text.length, 0)
    expect(characters).toBeLessThanOrEqual(MAX_KEPT_CHARACTERS)
    expect(characters).toBeGreaterThan(MAX_KEPT_CHARACTERS - MAX_LINE_TEXT)
  })

  test('tells those who read along, until they leave', () => {
    const book = new LogBook(actor)
    const read: string[] = []
    const leave = book.read(({ text }) => void read.push(text))
    book.write(line('one'))
    leave()
    book.write(line('two'))
    expect(read).toEqual(['one'])
  })
})

describe('a line of the log', () => {
  test('has the call that it was written in, in the book and in its text, and none is kept below the level', () => {
    const scope = new CancelScope()
    const book = nameLogs(actor.name, actor.id, scope)
    class Call extends CancelScope {
      override get call(): CallRef {
        return { id: 'abcd1234-7', functionId: 'film#hi' }
      }
    }
    const written: string[] = []
    const restore = redirectLogs((text) => void written.push(text))
    try {
      const log = areaLog('actor')
      new Call(scope).run(() => {
        log.debug('below the level')
        // a scope of the call's own
        new CancelScope(new Call(scope)).run(() => log.warn('in a call', { seats: 3 }))
      })
      scope.run(() => log.error('x'.repeat(2 * MAX_LINE_TEXT)))
    } finally {
      restore()
    }
    const [first, second, ...others] = book.recent()
    expect(first).toMatchObject({
      level: 'warn',
      area: 'actor',
      text: 'in a call { seats: 3 }',
      call: { id: 'abcd1234-7', functionId: 'film#hi' },
    })
    expect(written[0]).toContain('donny (abcdefgh) actor [abcd1234-7]: in a call { seats: 3 }')
    expect(second?.text).toHaveLength(MAX_LINE_TEXT)
    expect(second).not.toHaveProperty('call')
    expect(others).toEqual([])
  })
})

describe('a level for a time', () => {
  test('gives way to the one of before, which a later change for a time does not alter', () => {
    vi.useFakeTimers()
    setLogLevel('info')
    setLogLevel('trace', 1_000)
    setLogLevel('debug', 5_000)
    expect([logLevel(), lastingLogLevel()]).toEqual(['debug', 'info'])
    vi.advanceTimersByTime(2_000)
    expect(passingLogLevel()).toEqual({ level: 'debug', forMs: 3_000 })
    vi.advanceTimersByTime(3_000)
    expect([logLevel(), lastingLogLevel(), passingLogLevel()]).toEqual(['info', 'info', undefined])
  })

  test('is over when a level is set that stays', () => {
    vi.useFakeTimers()
    setLogLevel('trace', 1_000)
    setLogLevel('error')
    vi.advanceTimersByTime(2_000)
    expect(logLevel()).toBe('error')
  })

  test.each([0, -1, 1.5, MAX_LEVEL_MS + 1, Number.NaN])('of %s ms is refused', (ms) => {
    expect(() => setLogLevel('trace', ms)).toThrow(InvalidArgument)
    expect(logLevel()).toBe('warn')
  })
})
