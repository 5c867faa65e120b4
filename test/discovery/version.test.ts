import { describe, expect, test } from 'vitest'
import { compareClaims, compareTokens, majority } from '../../discovery/core/token.ts'
import { compareAge, compareBytes, compareTexts, compareVersions } from '../../discovery/core/version.ts'

describe('versions', () => {
  test.each([
    [
      { inc: 2, rev: 0, seq: 0 },
      { inc: 1, rev: 9, seq: 9 },
    ],
    [
      { inc: 1, rev: 2, seq: 0 },
      { inc: 1, rev: 1, seq: 9 },
    ],
    [
      { inc: 1, rev: 1, seq: 2 },
      { inc: 1, rev: 1, seq: 1 },
    ],
  ])('%o is later than %o', (later, earlier) => {
    expect(compareVersions(later, earlier)).toBeGreaterThan(0)
    expect(compareVersions(earlier, later)).toBeLessThan(0)
    expect(compareVersions(later, later)).toBe(0)
  })

  test('of two actors the one that booted first is older, then the one with the lower peer id', () => {
    expect(compareAge({ inc: 1, peerId: 'b' }, { inc: 2, peerId: 'a' })).toBeLessThan(0)
    expect(compareAge({ inc: 1, peerId: 'a' }, { inc: 1, peerId: 'b' })).toBeLessThan(0)
    expect(compareAge({ inc: 1, peerId: 'a' }, { inc: 1, peerId: 'a' })).toBe(0)
  })

  test('texts and bytes have one order everywhere', () => {
    expect(compareTexts('Z', 'a')).toBeLessThan(0)
    expect(compareBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBeLessThan(0)
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0)
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1))).toBe(0)
  })
})

describe('tokens', () => {
  const token = { term: 3, inc: 5, peerId: 'm' }

  test.each([
    { term: 4, inc: 1, peerId: 'a' },
    { term: 3, inc: 6, peerId: 'a' },
    { term: 3, inc: 5, peerId: 'n' },
  ])('%o is higher than 3/5/m', (higher) => {
    expect(compareTokens(higher, token)).toBeGreaterThan(0)
    expect(compareTokens(token, higher)).toBeLessThan(0)
  })

  test('a resignation is later than the claim of the same token and earlier than any higher one', () => {
    expect(compareClaims({ token, held: false }, { token, held: true })).toBeGreaterThan(0)
    expect(compareClaims({ token: { ...token, term: 4 }, held: true }, { token, held: false })).toBeGreaterThan(0)
  })

  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('a committee of %i needs %i', (size, needed) => expect(majority(size)).toBe(needed))
})
