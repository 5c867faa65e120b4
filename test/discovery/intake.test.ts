import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeMessage, type Message } from '../../discovery/core/messages.ts'
import {
  EXCESS_PER_STRIKE,
  Intake,
  MAX_UNREAD_BYTES,
  MESSAGES_AT_ONCE,
  MESSAGES_PER_SECOND,
  READING_MS,
  type Verdict,
} from '../../discovery/intake.ts'
import type { ActorRecord, SignedRecord } from '../../discovery/record.ts'
import { redirectLogs } from '../../node/log.ts'
import { unseal } from '../simulator/actor.ts'
import { within } from '../support/within.ts'
import { recordFact } from './support/core-harness.ts'

let intake: Intake
let taken: { from: string; message: Message }[]
let breaches: string[]
let restoreLogs: () => void

/** Verifying that takes its time, as signatures do. */
function slowly(signed: SignedRecord): ActorRecord {
  const until = performance.now() + 0.2
  while (performance.now() < until);
  const record = unseal(signed)
  if (record.name === 'forged') throw new Error('the signature is not by its owner')
  return record
}

function page(count: number, name = 'honest', prefix = 'r'): unknown {
  const facts = Array.from({ length: count }, (_, index) => recordFact(`${prefix}${index}`, { name }))
  return encodeMessage({ type: 'facts', facts, claim: null })
}

async function verdictOn(...message: Parameters<Intake['take']>): Promise<Verdict> {
  return await intake.take(...message)
}

const small = encodeMessage({ type: 'release', term: 1 })

beforeEach(() => {
  restoreLogs = redirectLogs(() => {})
  taken = []
  breaches = []
  intake = new Intake({
    open: slowly,
    onMessage: (from, _, message) => taken.push({ from, message }),
    onBreach: (peer) => breaches.push(peer),
  })
})
afterEach(() => {
  intake.close()
  restoreLogs()
})

test('a small message is read at once', () => {
  expect(intake.take('a', 'stream', page(1), 300)).toBe('taken')
  expect(taken).toHaveLength(1)
})

test('many signatures are checked in many turns of the event loop, and others are read in between', async () => {
  let turns = 0
  let over = false
  const turn = (): void => {
    turns++
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  const verdict = intake.take('a', 'stream', page(400), 100_000)
  expect(verdict).toBeInstanceOf(Promise)
  expect(intake.take('a', 'stream', small, 20)).toBe('taken')
  const other = intake.take('b', 'gossip', page(10), 3_000)
  expect(await within('the verdict about the small page', Promise.resolve(other))).toBe('taken')
  expect(taken.map(({ from }) => from)).toEqual(['a', 'b'])
  expect(await within('the verdict about the large page', Promise.resolve(verdict))).toBe('taken')
  over = true
  expect(turns).toBeGreaterThan((400 * 0.2) / READING_MS / 2)
})

test('the messages of one peer that carry records are taken in their order', async () => {
  const verdicts = [page(100, 'honest', 'x'), page(1, 'honest', 'y'), page(50, 'honest', 'z')].map((value) =>
    verdictOn('a', 'stream', value, 1_000),
  )
  await within('all verdicts', Promise.all(verdicts))
  expect(taken.map(({ message }) => message.type === 'facts' && message.facts.length)).toEqual([100, 1, 50])
})

test.each([
  [
    'a forged record among good ones',
    () => encodeMessage({ type: 'facts', claim: null, facts: [recordFact('a'), recordFact('b', { name: 'forged' })] }),
  ],
  ['no message', () => ({ type: 'nonsense' })],
  ['something else', () => 7],
])('%s is refused, counted, and a breach of whoever sent it', (_, value) => {
  expect(intake.take('a', 'gossip', value(), 10)).toBe('refused')
  expect(taken).toEqual([])
  expect(breaches).toEqual(['a'])
  expect(intake.refusals.refusedMessages).toBe(1)
})

test('a page of forged records costs one signature', () => {
  const started = performance.now()
  expect(intake.take('a', 'stream', page(4_000, 'forged'), 1_000_000)).toBe('refused')
  expect(performance.now() - started).toBeLessThan(100)
})

test('messages above the rate of one peer are left out, and strikes when it goes on; others are heard', () => {
  const count = MESSAGES_AT_ONCE + 3 * EXCESS_PER_STRIKE
  const started = performance.now()
  let refused = 0
  for (let index = 0; index < count; index++) if (intake.take('a', 'stream', small, 20) === 'left out') refused++
  const earned = ((performance.now() - started) / 1_000) * MESSAGES_PER_SECOND + 1
  expect(refused).toBeGreaterThanOrEqual(count - MESSAGES_AT_ONCE - earned)
  expect(intake.refusals.excessMessages).toBe(refused)
  expect(breaches).toHaveLength(Math.floor(refused / EXCESS_PER_STRIKE))
  expect(intake.take('b', 'stream', small, 20)).toBe('taken')
})

test('gossip above the rate is held against nobody', () => {
  for (let index = 0; index < 3 * MESSAGES_AT_ONCE; index++) void intake.take('a', 'gossip', small, 20)
  expect(intake.refusals.excessMessages).toBeGreaterThan(0)
  expect(breaches).toEqual([])
})

test('what waits to be read is bounded in bytes', async () => {
  const large = MAX_UNREAD_BYTES / 2
  const verdicts = [1, 2, 3, 4].map(() => verdictOn('a', 'stream', page(60), large))
  expect(await within('the verdicts', Promise.all(verdicts))).toEqual(['taken', 'taken', 'left out', 'left out'])
})

test('when it is closed, what waits is left out', async () => {
  const verdict = intake.take('a', 'gossip', page(400), 100_000)
  intake.close()
  expect(await within('the verdict', Promise.resolve(verdict))).toBe('left out')
  expect(intake.take('a', 'gossip', small, 1)).toBe('left out')
})
