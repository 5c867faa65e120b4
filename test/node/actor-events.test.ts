import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type ActorEvent, ActorEvents, eventText, MAX_EVENT_TEXT, MAX_KEPT_EVENTS } from '../../node/actor-events.ts'
import { GREENROOM_VERSION } from '../../node/version.ts'

const fact = { type: 'restarting', child: { name: 'phoenix', id: '' }, why: 'it burnt', delayMs: 5 } as const

test('an actor keeps its latest events, counts all of them, and tells those who listen', () => {
  const events = new ActorEvents({ name: 'donny', id: 'id' })
  const heard: ActorEvent[] = []
  const leave = events.listen((event) => void heard.push(event))
  events.emit(fact)
  leave()
  for (let i = 0; i < MAX_KEPT_EVENTS + 2; i++) events.emit(fact)
  expect(heard).toEqual([expect.objectContaining({ ...fact, actor: { name: 'donny', id: 'id' }, seq: 1 })])
  expect(events.recent()).toHaveLength(MAX_KEPT_EVENTS)
  expect(events.recent().at(-1)?.seq).toBe(MAX_KEPT_EVENTS + 3)
})

test('texts of events have a bound', () => {
  expect(eventText('x'.repeat(5_000))).toHaveLength(MAX_EVENT_TEXT)
  expect(eventText('short')).toBe('short')
})

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(GREENROOM_VERSION).toBe(version)
})
