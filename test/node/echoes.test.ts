import { describe, expect, test } from 'vitest'
import { isEcho, isStrayEcho } from '../../node/echoes.ts'
import { Cancelled } from '../../node/errors.ts'

const reason = new Cancelled('donny', 'enough')

describe('an echo', () => {
  test.each([
    ['the reason itself', reason],
    ['an AbortError that it caused', abortError(reason)],
    ['an AggregateError of echoes only', new AggregateError([reason, abortError(reason)])],
  ])('%s is one', (_, error) => {
    expect(isEcho(error, reason)).toBe(true)
  })

  test.each([
    ['an equal reason that somebody else made', new Cancelled('donny', 'enough')],
    ['an AbortError with another cause', abortError(new Cancelled('donny', 'enough'))],
    ['an AbortError without a cause', abortError(undefined)],
    ['an error that only mentions the reason', new Error('while stopping', { cause: reason })],
    ['an AggregateError with one real failure in it', new AggregateError([reason, new Error('boom')])],
    ['an empty AggregateError', new AggregateError([])],
    ['an AggregateError whose errors are missing', Object.setPrototypeOf(new Error('x'), AggregateError.prototype)],
    ['undefined', undefined],
    ['null', null],
    ['a string', 'enough'],
  ])('%s is none', (_, error) => {
    expect(isEcho(error, reason)).toBe(false)
  })

  test('nothing is an echo of a scope that was not cancelled', () => {
    expect(isEcho(reason, undefined)).toBe(false)
    expect(isEcho(undefined, undefined)).toBe(false)
  })
})

describe('the echo of some cancel, which nobody awaited', () => {
  const hostile = Object.defineProperty(new Error('x'), 'name', {
    get: () => {
      throw new RangeError('do not look')
    },
  })

  test.each([
    ['a reason', reason, true],
    ['an AbortError that a reason caused', abortError(reason), true],
    ['an AbortError of somebody else', abortError(new Error('a user')), false],
    ['an error that only mentions the reason', new Error('while stopping', { cause: reason }), false],
    ['what throws when it is looked at', hostile, false],
    ['nothing', undefined, false],
  ])('%s is told apart', (_, error, echo) => {
    expect(isStrayEcho(error)).toBe(echo)
  })
})

function abortError(cause: unknown): Error {
  const error = new Error('The operation was aborted', { cause })
  error.name = 'AbortError'
  return error
}
