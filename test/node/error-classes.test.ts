import { expect, test } from 'vitest'
import { errorClass, MAX_ERROR_CLASSES, registerError } from '../../node/error-classes.ts'
import { DeadlineExceeded, InvalidArgument } from '../../node/errors.ts'

test('the built-in classes and those of greenroom are known from the start', () => {
  expect(errorClass('RangeError')).toBe(RangeError)
  expect(errorClass('AggregateError')).toBe(AggregateError)
  expect(errorClass('DeadlineExceeded')).toBe(DeadlineExceeded)
})

test('a registered class is known by its name, however often it is registered', () => {
  class SoldOut extends Error {}
  registerError(SoldOut)
  registerError(SoldOut)
  expect(errorClass('SoldOut')).toBe(SoldOut)
})

test('two classes of one name cannot both be registered', () => {
  const first = { Twice: class Twice extends Error {} }.Twice
  const second = { Twice: class Twice extends Error {} }.Twice
  registerError(first)
  expect(() => registerError(second)).toThrow('another error class is named Twice')
  expect(errorClass('Twice')).toBe(first)
})

test('a built-in class cannot be replaced', () => {
  const impostor = { RangeError: class RangeError extends Error {} }.RangeError
  expect(() => registerError(impostor)).toThrow(InvalidArgument)
})

test.each([
  ['a class that is no Error', class Film {}, 'a class that extends Error'],
  ['no class', 'SoldOut', 'a class that extends Error'],
  ['an arrow function', () => {}, 'a class that extends Error'],
  ['a class without a name', class extends Error {}, 'a class with a name'],
])('%s is refused', (_, Class, message) => {
  if (message.includes('name')) Object.defineProperty(Class, 'name', { value: '' })
  expect(() => registerError(Class as never)).toThrow(message)
})

test('more than MAX_ERROR_CLASSES are refused: the table does not grow without end', () => {
  const register = (): void => {
    for (let i = 0; i <= MAX_ERROR_CLASSES; i++) registerError({ [`E${i}`]: class extends Error {} }[`E${i}`]!)
  }
  expect(register).toThrow(`more than ${MAX_ERROR_CLASSES} error classes are registered`)
})

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'globalThis', ''])(
  'the name %j from a peer finds nothing',
  (name) => {
    expect(errorClass(name)).toBeUndefined()
  },
)
