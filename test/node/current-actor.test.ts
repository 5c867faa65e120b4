import { expect, test } from 'vitest'
import { type Actor, becomeActor, currentActor } from '../../node/current-actor.ts'
import { areaLog } from '../../node/log.ts'

const actor = (name: string): Actor => ({
  name,
  id: 'id',
  addresses: [],
  statespace: {},
  tags: [],
  groups: [],
  version: undefined,
  setTags: () => expect.unreachable('nobody sets them'),
  signal: new AbortController().signal,
  log: areaLog('test'),
  stats: () => expect.unreachable('nobody reads them'),
  onExit: () => () => {},
})

test('without an actor in this process the error says what to do', () => {
  expect(() => currentActor()).toThrow(expect.objectContaining({ code: 'NO_ACTOR' }))
  expect(() => currentActor()).toThrow('call it inside run() or after joinMesh()')
})

test('a process is one actor at a time, and can be another one afterwards', () => {
  const undo = becomeActor(actor('donny'))
  expect(currentActor().name).toBe('donny')
  expect(() => becomeActor(actor('gretchen'))).toThrow(expect.objectContaining({ code: 'ALREADY_RUNNING' }))
  undo()
  const undoSecond = becomeActor(actor('gretchen'))
  // undoing the first one again must not end the second one
  undo()
  expect(currentActor().name).toBe('gretchen')
  undoSecond()
  expect(() => currentActor()).toThrow('no actor is running')
})
