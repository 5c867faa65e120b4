import { decode, encode } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { SPAN } from '../../discovery/core/buckets.ts'
import type { Fact } from '../../discovery/core/fact.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import { encodeMessage, parseMessage } from '../../discovery/core/messages.ts'
import { BadMessage } from '../../discovery/core/wire-fields.ts'
import type { Message } from '../../discovery/core/messages.ts'
import { unseal } from '../simulator/actor.ts'
import { pick, seeded } from '../simulator/rng.ts'
import { endFact, known, recordFact } from './support/core-harness.ts'

const token = { term: 3, inc: 1_700_000_000_000, peerId: 'a' }
const claim = { token, held: true }
const suspect: Fact = { kind: 'suspect', accusation: { peerId: 'c', inc: 7, rev: 2, by: 'a', age: 3 } }
const facts = [recordFact('a'), endFact('b', { age: 12, state: 'left' }), suspect]
const digest = { count: 2, sums: [4_000_000_000, 7] } as const

const buckets = { type: 'buckets', level: 4, position: 0, sums: new Uint8Array(128), digest: [1, 2, 3], claim: null }
const state = { type: 'state', facts: [], claim: null, digest: [1, 2, 3], more: false, answer: false, until: 0 }

const messages: Message[] = [
  { type: 'facts', facts, claim },
  { type: 'facts', facts: [], claim: null },
  { type: 'sync', digest, claim },
  { type: 'buckets', level: 4, position: 0, sums: new Uint8Array(128).fill(7), digest, claim },
  { type: 'buckets', level: 11, position: 65_535, sums: new Uint8Array(8), digest, claim: null },
  { type: 'state', facts, claim: null, digest, more: true, answer: false, until: 9, differs: new Uint8Array(2) },
  { type: 'state', facts: [], claim, digest, more: false, answer: true, until: SPAN, differs: new Uint8Array(0) },
  { type: 'prevote', term: 4, inc: 5 },
  { type: 'vote', term: 4, inc: 5, claim: { token, held: false } },
  { type: 'prevoted', term: 4, granted: true, seen: 3, claim },
  { type: 'voted', term: 4, granted: false, seen: 9, claim: null },
  { type: 'beat', token, beat: 8 },
  { type: 'beaten', token, beat: 8 },
  { type: 'release', term: 4 },
  { type: 'facts', facts: [], claim: { ...claim, standing: { rev: 2, weight: 500, provisional: true } } },
  { type: 'facts', facts: [], claim: { ...claim, electorate: 'names:0123456789abcdef' } },
  { type: 'prevote', term: 4, inc: 5, electorate: 'size:3' },
  { type: 'beat', token, beat: 8, electorate: 'size:3', standing: { rev: 0, weight: 1, provisional: false } },
  { type: 'handover', token },
  { type: 'handover', token, electorate: 'size:3' },
  { type: 'rollcall', inc: 5, roll: null, settled: false, term: 2, electorate: 'size:3' },
  { type: 'roll', inc: 5, roll: null, settled: false, term: 0 },
  { type: 'roll', inc: 5, roll: ['a', 'b'], settled: true, term: 7, electorate: 'size:2' },
  { type: 'probe', seq: 9, digest },
  { type: 'ack', seq: 9, digest },
  { type: 'probeRequest', seq: 9, target: 'b' },
  { type: 'nack', seq: 9 },
  {
    type: 'claims',
    actor: 'a',
    life: 5,
    round: 6,
    wants: [
      { id: 1, name: 'crown', fence: undefined, waited: 20 },
      { id: 2, name: 'orb', fence: { ...token, serial: 4 }, waited: 0 },
    ],
  },
  { type: 'books', token, grants: [{ actor: 'a', life: 5, id: 2, name: 'orb', fence: { ...token, serial: 4 } }] },
  {
    type: 'granted',
    actor: 'a',
    life: 5,
    round: 6,
    arbiter: token,
    answers: [
      { id: 1, outcome: 'waits', holder: 'b' },
      { id: 2, outcome: 'held', fence: { ...token, serial: 4 } },
      { id: 3, outcome: 'lost', holder: null },
      { id: 4, outcome: 'full', limit: 'claimLine' },
    ],
  },
]

describe('a message', () => {
  test.each(messages.map((message) => [message.type, message] as const))('%s survives the wire', (_, message) => {
    expect(parseMessage(decode(encode(encodeMessage(message))), unseal)).toEqual(message)
  })

  test('keeps no part of the receive buffer alive', () => {
    const buffer = encode(encodeMessage({ type: 'facts', facts: [recordFact('a')], claim: null }))
    const parsed = parseMessage(decode(buffer), unseal)
    if (parsed.type !== 'facts' || parsed.facts[0]?.kind !== 'record') throw new Error('no record')
    expect(parsed.facts[0].known.signed.bytes.buffer.byteLength).toBe(known('a').signed.bytes.length)
  })

  test('with unknown fields is read without them', () => {
    expect(parseMessage({ type: 'release', term: 1, later: true }, unseal)).toEqual({ type: 'release', term: 1 })
  })
})

describe('a bad message is refused by name', () => {
  const bad: [unknown, string][] = [
    [undefined, 'it is no object'],
    [[], 'it is no object'],
    [{}, 'its type is undefined'],
    [{ type: 'x'.repeat(1_000) }, `its type is '${'x'.repeat(64)}'`],
    [{ type: 'vote', term: -1, inc: 0 }, 'term is -1'],
    [{ type: 'vote', term: Number.NaN, inc: 0 }, 'term is NaN'],
    [{ type: 'vote', term: 1n, inc: 0 }, 'term is bigint'],
    [{ type: 'prevoted', term: 1, granted: 1, seen: 1, claim: null }, 'granted is 1'],
    [{ type: 'probe', seq: 1.5, digest: [0, 0, 0] }, 'seq is 1.5'],
    [{ type: 'probeRequest', seq: 1, target: 'x'.repeat(129) }, 'instead of a peer id'],
    [{ type: 'facts', facts: [['suspect', 'a', 1, 0, '', 0]] }, 'by names'],
    [{ type: 'facts', facts: {} }, 'facts is object'],
    [{ type: 'facts', facts: Array(coreLimits.pageFacts + 1).fill(null) }, 'more than 4096'],
    [{ type: 'facts', facts: [['record', 'text', 'text']] }, 'a record is no pair of bytes'],
    [{ type: 'facts', facts: [['other']] }, "a fact's kind is 'other'"],
    [{ type: 'facts', facts: [['end', 'a', 1, 0, 'suspect', 'b', 0]] }, "an end's state is 'suspect'"],
    [{ type: 'facts', facts: [['end', 'a'.repeat(129), 1, 0, 'dead', 'b', 0]] }, 'an end names'],
    [{ type: 'facts', facts: [['end', 'a', 1, 0, 'dead', 'b', -5]] }, 'age is -5'],
    [{ type: 'sync', digest: [1, 2], claim: null }, 'sum is undefined'],
    [{ type: 'sync', digest: [1, 2, 3], claim: [1, 2, 'a'] }, 'held is undefined'],
    [{ ...buckets, level: 12 }, 'level is 12, not 4 to 11'],
    [{ ...buckets, position: SPAN }, 'position is 65536, not 0 to 65535'],
    [{ ...buckets, sums: new Uint8Array(120) }, 'sums has 120 bytes instead of 128'],
    [{ ...buckets, position: 4_096 }, 'sums has 128 bytes instead of 120'],
    [{ ...buckets, sums: [1] }, 'sums is object, not bytes'],
    [{ ...state, until: SPAN + 1 }, 'until is 65537'],
    [{ ...state, differs: new Uint8Array(3) }, 'differs has 3 bytes instead of 0'],
    [{ ...state, differs: new Uint8Array(512) }, 'differs has 512 bytes instead of 0'],
    [{ type: 'beat', token: [1, 2, ''], beat: 1 }, 'a token names'],
    [{ type: 'books', token: [1, 2, 'a'], grants: Array(501).fill([]) }, '501 grants, more than 500'],
    [{ type: 'books', token: [1, 2, 'a'], grants: [['', 1, 1, 'x', [1, 2, 'a', 1]]] }, 'a grant names'],
    [{ type: 'claims', actor: '', life: 1, round: 1, wants: [] }, 'actor names'],
    [{ type: 'claims', actor: 'a', life: 1, round: 1, wants: 3 }, 'wants is 3'],
    [
      { type: 'claims', actor: 'a', life: 1, round: 1, wants: Array(65).fill([1, 'x', null, 0]) },
      '65 wants, more than 64',
    ],
    [{ type: 'claims', actor: 'a', life: 1, round: 1, wants: [[1, '', null, 0]] }, "a claimed name is ''"],
    [
      { type: 'claims', actor: 'a', life: 1, round: 1, wants: [[1, 'x'.repeat(257), null, 0]] },
      'not 1 to 256 characters',
    ],
    [{ type: 'claims', actor: 'a', life: 1, round: 1, wants: [[1, 'x', [1, 2, 'a'], 0]] }, 'serial is undefined'],
    [
      { type: 'granted', actor: 'a', life: 1, round: 1, arbiter: [1, 2, 'a'], answers: [[1, 'mine']] },
      "outcome is 'mine'",
    ],
    [
      { type: 'granted', actor: 'a', life: 1, round: 1, arbiter: [1, 2, 'a'], answers: [[1, 'full', 'x']] },
      "bound of claims is 'x'",
    ],
  ]

  test.each(bad)('%o', (value, message) => {
    expect(() => parseMessage(value, unseal)).toThrow(BadMessage)
    expect(() => parseMessage(value, unseal)).toThrow(message)
  })

  test('an age beyond the bound is taken for the bound', () => {
    const fact = ['end', 'a', 1, 0, 'dead', 'b', Number.MAX_SAFE_INTEGER]
    expect(parseMessage({ type: 'facts', facts: [fact] }, unseal)).toMatchObject({
      facts: [{ end: { age: coreLimits.age } }],
    })
  })

  test('one bad record spoils the whole message', () => {
    const facts = [recordFact('a'), recordFact('bad'), recordFact('b')]
    const open: typeof unseal = (signed) => {
      const record = unseal(signed)
      if (record.peerId === 'bad') throw new Error('forged')
      return record
    }
    expect(() => parseMessage(encodeMessage({ type: 'facts', facts, claim: null }), open)).toThrow('forged')
  })

  test('a message that was damaged parses to a valid one or throws BadMessage, nothing else (3,000 seeds)', () => {
    for (let seed = 1; seed <= 3_000; seed++) {
      const rng = seeded(seed)
      const value = damage(encodeMessage(pick(rng, messages) ?? { type: 'release', term: 1 }), rng)
      expect(failureOf(value), `seed ${seed}`).toBeOneOf([undefined, BadMessage])
    }
  })
})

/** The class of what parsing throws, if it does. */
function failureOf(value: unknown): unknown {
  try {
    encodeMessage(parseMessage(value, () => known('a').record))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.constructor : error
  }
}

/** Replaces a random part of a value by something else. */
function damage(value: unknown, rng: () => number): unknown {
  if (rng() < 0.2 || typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    return pick(rng, [null, undefined, -1, 2 ** 60, '', 'x', [], {}, true, Number.NaN, new Uint8Array(3), 1n, () => 1])
  }
  if (Array.isArray(value)) {
    const at = Math.floor(rng() * value.length)
    return value.map((item, index) => (index === at ? damage(item, rng) : (item as unknown)))
  }
  const entries = Object.entries(value)
  const at = Math.floor(rng() * entries.length)
  return Object.fromEntries(entries.map(([key, item], index) => [key, index === at ? damage(item, rng) : item]))
}
