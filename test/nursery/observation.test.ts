import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ActorEvent, ActorEvents, MAX_EVENT_TEXT } from '../../node/actor-events.ts'
import { LogBook, type LogLine } from '../../node/log-book.ts'
import type { ParentMessage } from '../../nursery/boot-message.ts'
import { LatestWins, SAY_AGAIN_MS } from '../../nursery/latest-wins.ts'
import { MAX_OBSERVED_CHARACTERS, MAX_OBSERVED_ITEMS } from '../../nursery/lossy-queue.ts'
import { MAX_OBSERVERS, Observation } from '../../nursery/observation.ts'
import {
  isWanted,
  latestOf,
  MAX_RECALLED_CHARACTERS,
  type Observed,
  readObserved,
  unionOf,
  type Wish,
} from '../../nursery/observed.ts'
import { BATCH_PACE_MS, MAX_BATCH_CHARACTERS, OBSERVED_AT_ONCE, ObservedQueue } from '../../nursery/observed-queue.ts'
import { PASS_UP_MS, PassingUp, UNTAKEN_MS } from '../../nursery/passing-up.ts'

const actor = { name: 'donny', id: 'id-of-donny' }
const fact = { type: 'restarting', child: { name: 'phoenix', id: 'id' }, why: 'it burnt', delayMs: 5 } as const
const all: Wish = { events: true, level: 'trace' }

function line(seq: number, text = 'text', level: LogLine['level'] = 'info'): Observed {
  return { line: { at: seq, seq, actor, area: 'actor', level, text } }
}

function opened(): { observation: Observation; events: ActorEvents; book: LogBook } {
  const events = new ActorEvents(actor)
  const book = new LogBook(actor)
  return { observation: new Observation(events, book), events, book }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('what waits for an observer', () => {
  test('is bounded in items and in characters, and the first thing it reads is how much was lost', () => {
    const queue = new ObservedQueue()
    for (let i = 1; i <= MAX_OBSERVED_ITEMS + 7; i++) queue.push(line(i))
    const [first, second] = queue.take()
    expect([first, second]).toEqual([{ missed: 7 }, line(8)])
    for (let i = 0; i < 200; i++) queue.push(line(i, 'x'.repeat(8_000)))
    const characters = queue.takeAll().reduce((sum, item) => sum + ('line' in item ? item.line.text.length : 0), 0)
    expect(characters).toBeLessThanOrEqual(MAX_OBSERVED_CHARACTERS)
    expect(queue.isEmpty).toBe(true)
  })

  test('leaves in batches of so many items and characters, so far apart: the bytes of a second are bounded', async () => {
    const queue = new ObservedQueue()
    const batches = queue.batches()
    const charactersOf = (batch: readonly Observed[]): number =>
      batch.reduce((sum, item) => sum + ('line' in item ? item.line.text.length : 0), 0)
    const begin = performance.now()
    const sizes: number[] = []
    for (let i = 0; i < 20; i++) {
      for (let more = 0; more < OBSERVED_AT_ONCE; more++) queue.push(line(more, 'x'.repeat(1_000)))
      const next = batches.next()
      if (i > 0) await vi.advanceTimersByTimeAsync(BATCH_PACE_MS)
      sizes.push(charactersOf((await next).value))
    }
    expect(performance.now() - begin).toBeGreaterThanOrEqual(19 * BATCH_PACE_MS)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_BATCH_CHARACTERS)
    expect(Math.min(...sizes)).toBeGreaterThan(MAX_BATCH_CHARACTERS / 2)
    queue.takeAll()
    for (let more = 0; more < 2 * OBSERVED_AT_ONCE; more++) queue.push(line(more, ''))
    expect(queue.take()).toHaveLength(OBSERVED_AT_ONCE)
  })

  test('of before is the latest, in order, within its bounds', () => {
    const items = Array.from({ length: 50 }, (_, i) => line(50 - i))
    expect(latestOf(items, 3)).toEqual([line(48), line(49), line(50)])
    const long = Array.from({ length: 500 }, (_, i) => line(i, 'x'.repeat(8_000)))
    expect(latestOf(long, 1_000).length).toBeLessThan(MAX_RECALLED_CHARACTERS / 8_000)
  })
})

test('who wants the events of all and the lines of one is not passed the lines of all', () => {
  const union = unionOf([
    { events: true, level: 'silent' },
    { events: false, level: 'trace', actors: ['donny'] },
  ])
  expect(union).toEqual({ events: true, level: 'trace', lineActors: ['donny'] })
  const above = unionOf([union, { events: false, level: 'warn', actors: ['gretchen'] }])
  expect(above).toEqual({ events: true, level: 'trace', lineActors: ['donny', 'gretchen'] })
  const others: Observed = { line: { ...(line(1) as { line: LogLine }).line, actor: { name: 'frank', id: 'f' } } }
  expect([line(1), others].map((item) => isWanted(item, union))).toEqual([true, false])
  expect(isWanted({ event: { at: 1, seq: 1, actor: { name: 'frank', id: 'f' }, ...fact } }, union)).toBe(true)
})

describe('an actor', () => {
  test('is listened to while somebody observes, and children hear of what is wanted, and of its end', () => {
    const { observation, events, book } = opened()
    const wishes: Wish[] = []
    const forget = observation.add({ observe: (wish) => void wishes.push(wish), recall: async () => [] })
    events.emit(fact)
    expect(wishes).toEqual([])
    const lines = observation.observe({ events: false, level: 'warn', actors: ['donny'] }, true)
    const own = observation.observe({ events: true, level: 'silent' }, false)
    events.emit(fact)
    book.write({ at: 1, level: 'info', area: 'actor', text: 'below the level' })
    book.write({ at: 2, level: 'warn', area: 'actor', text: 'above it' })
    expect(own.takeAll().map((item) => 'event' in item && item.event.type)).toEqual(['restarting'])
    expect(lines.takeAll().map((item) => 'line' in item && item.line.text)).toEqual(['above it'])
    lines.close()
    own.close()
    expect(wishes).toEqual([
      { events: false, level: 'warn', actors: ['donny'] },
      { events: false, level: 'silent', actors: [] },
    ])
    expect(observation.observers).toBe(0)
    forget()
  })

  test('has MAX_OBSERVERS of them, and each place is free again', () => {
    const { observation } = opened()
    const queues = Array.from({ length: MAX_OBSERVERS }, () => observation.observe(all, true))
    expect(() => observation.observe(all, true)).toThrow('MAX_OBSERVERS')
    queues[0]!.close()
    observation.observe(all, true).close()
  })

  test('passes on what its children tell, as far as that can be what they tell', () => {
    const { observation } = opened()
    const queue = observation.observe(all, true)
    const event: ActorEvent = { at: 1, seq: 1, actor, ...fact }
    const told = [
      { event },
      line(1),
      { missed: 3 },
      undefined,
      5,
      {},
      { line: {} },
      { event: { ...event, child: undefined } },
      { event: { ...event, why: 'x'.repeat(MAX_EVENT_TEXT + 1) } },
      { event: { ...event, actor: { name: 5, id: {} } } },
      { line: { ...('line' in line(1) ? line(1) : {}), level: 'loud' } },
      { missed: -1 },
      { missed: 1e300 },
      { discovery: { at: 1, type: 'joined', alone: true } },
    ]
    observation.fromBelow(told)
    expect(queue.takeAll()).toEqual([{ missed: 3 }, { event }, line(1)])
    expect(readObserved({ discovery: { at: 1, type: 'joined', alone: true } })).toBeDefined()
  })

  test('asks for what all observers want together, and for all actors when somebody names none, or too many are named', () => {
    expect(unionOf([])).toEqual({ events: false, level: 'silent', actors: [] })
    expect(
      unionOf([
        { events: false, level: 'warn', actors: ['b'] },
        { events: true, level: 'error', actors: ['a', 'b'] },
      ]),
    ).toEqual({
      events: true,
      level: 'warn',
      actors: ['a', 'b'],
    })
    expect(unionOf([{ events: false, level: 'warn', actors: ['b'] }, all])).toEqual({ events: true, level: 'trace' })
    const many = Array.from({ length: 65 }, (_, i) => ({ events: true, level: 'silent', actors: [String(i)] }) as const)
    expect(unionOf(many)).toEqual({ events: true, level: 'silent' })
  })
})

describe('what is passed up to a parent', () => {
  test('leaves a batch at a time, the next one when it was taken; events leave at once', () => {
    const { observation, events, book } = opened()
    const sent: Observed[][] = []
    const passing = new PassingUp(observation, (items) => void sent.push(items))
    const say = (text: string): void => book.write({ at: 1, level: 'info', area: 'actor', text })
    say('nobody hears this')
    passing.wish(all)
    say('one')
    say('two')
    expect(sent).toEqual([])
    vi.advanceTimersByTime(PASS_UP_MS)
    expect(sent.map((items) => items.length)).toEqual([2])
    events.emit(fact)
    vi.advanceTimersByTime(2 * PASS_UP_MS)
    expect(sent).toHaveLength(1)
    passing.taken()
    vi.advanceTimersByTime(PASS_UP_MS)
    expect(sent).toHaveLength(2)
    passing.taken()
    events.emit(fact)
    expect(sent).toHaveLength(3)
    passing.taken()
    passing.wish({ events: false, level: 'silent' })
    events.emit(fact)
    vi.advanceTimersByTime(PASS_UP_MS)
    expect(sent).toHaveLength(3)
  })

  test('goes on, slowly, when what was passed up is never taken: it may have been lost', () => {
    const { observation, events } = opened()
    const sent: Observed[][] = []
    const passing = new PassingUp(observation, (items) => void sent.push(items))
    passing.wish(all)
    for (let i = 0; i < 10; i++) events.emit(fact)
    expect(sent.map((items) => items.length)).toEqual([1])
    vi.advanceTimersByTime(UNTAKEN_MS + PASS_UP_MS)
    expect(sent.map((items) => items.length)).toEqual([1, 9])
    events.emit(fact)
    passing.flush()
    expect(sent).toHaveLength(3)
  })
})

test('a child that hears nothing has one wish to read, however often it changes, and learns the latest one', () => {
  const sent: ParentMessage[] = []
  const latest = new LatestWins((message) => void sent.push(message))
  const say = (forMs: number): void => latest.say({ type: 'logLevel', level: 'info', forMs })
  for (let i = 1; i <= 1_000; i++) say(i)
  expect(sent).toEqual([{ type: 'logLevel', level: 'info', forMs: 1 }])
  latest.heard()
  expect(sent.at(-1)).toEqual({ type: 'logLevel', level: 'info', forMs: 1_000 })
  say(1_001)
  vi.advanceTimersByTime(SAY_AGAIN_MS)
  expect(sent.at(-1)).toEqual({ type: 'logLevel', level: 'info', forMs: 1_001 })
  expect(sent).toHaveLength(3)
})
