import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkArbiterOptions } from '../../discovery/arbiter-options.ts'
import type { ArbiterOptions } from '../../discovery/arbiter-options.ts'
import { InvalidArgument } from '../../index.ts'

const variable = 'GREENROOM_QUORUM'
let before: string | undefined
beforeEach(() => {
  before = process.env[variable]
  delete process.env[variable]
})
afterEach(() => {
  if (before === undefined) delete process.env[variable]
  else process.env[variable] = before
})

describe('the electorate', () => {
  test('is elastic unless it is declared', () => {
    expect(checkArbiterOptions({}, 'demo')).toBeUndefined()
    expect(checkArbiterOptions({}, undefined)).toBeUndefined()
  })

  test('is declared by names or by a size', () => {
    expect(checkArbiterOptions({ quorum: ['a', 'b', 'c'] }, 'demo')).toEqual(['a', 'b', 'c'])
    expect(checkArbiterOptions({ quorum: 3 }, 'demo')).toBe(3)
  })

  test('may come from the environment, which an option overrides', () => {
    process.env[variable] = 'a, b,c'
    expect(checkArbiterOptions({}, 'demo')).toEqual(['a', 'b', 'c'])
    process.env[variable] = '5'
    expect(checkArbiterOptions({}, 'demo')).toBe(5)
    expect(checkArbiterOptions({ quorum: ['a'] }, 'demo')).toEqual(['a'])
    expect(checkArbiterOptions({}, undefined)).toBeUndefined()
    process.env[variable] = ''
    expect(checkArbiterOptions({}, 'demo')).toBeUndefined()
  })

  const wrong: [string, unknown, RegExp][] = [
    ['no object', 3, /arbiter is an object such as \{ quorum: 3 \}, got 3/],
    ['nobody', { quorum: [] }, /a list of 1 to 15 names, or a number, got \[\]/],
    ['too many', { quorum: Array.from({ length: 16 }, (_, i) => `e${i}`) }, /a list of 1 to 15 names/],
    ['a name twice', { quorum: ['a', 'b', 'a'] }, /names 'a' twice/],
    ['an empty name', { quorum: ['a', ''] }, /an actor's name is/],
    ['none', { quorum: 0 }, /a whole number from 1 to 15, or names, got 0/],
    ['a half', { quorum: 2.5 }, /got 2.5/],
    ['sixteen', { quorum: 16 }, /got 16/],
    ['a text', { quorum: 'a,b' }, /a list of 1 to 15 names/],
    ['an empty directory', { quorum: 3, stateDir: '' }, /arbiter.stateDir is the path of a directory/],
  ]
  test.each(wrong)('of %s is refused', (_, options, message) => {
    const check = (): unknown => checkArbiterOptions(options as ArbiterOptions, 'demo')
    expect(check).toThrow(InvalidArgument)
    expect(check).toThrow(message)
  })

  test('of a private mesh is refused: nobody else could vote', () => {
    expect(() => checkArbiterOptions({ quorum: 3 }, undefined)).toThrow(/electors meet in a named mesh/)
  })
})
