import { expect, test } from 'vitest'
import { CancelScope, shareProcess } from '../../node/cancel-scope.ts'
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
  metricsUrl: undefined,
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
  const scope = new CancelScope()
  const undo = becomeActor(actor('donny'), scope)
  expect(currentActor().name).toBe('donny')
  expect(() => becomeActor(actor('gretchen'), scope)).toThrow(expect.objectContaining({ code: 'ALREADY_RUNNING' }))
  undo()
  const undoSecond = becomeActor(actor('gretchen'), scope)
  // undoing the first one again must not end the second one
  undo()
  expect(currentActor().name).toBe('gretchen')
  undoSecond()
  expect(() => currentActor()).toThrow('no actor is running')
})

test('actors that share a process are told apart by the scope that code runs in, and leave the one of the process alone', () => {
  const [ofProcess, ofDonny, ofGretchen] = [new CancelScope(), new CancelScope(), new CancelScope()]
  const undo = becomeActor(actor('frank'), ofProcess)
  shareProcess(ofDonny, 'donny')
  shareProcess(ofGretchen, 'gretchen')
  const leave = becomeActor(actor('donny'), ofDonny)
  becomeActor(actor('gretchen'), ofGretchen)
  const name = (): string => currentActor().name
  expect([name(), ofDonny.run(name), ofGretchen.run(name)]).toEqual(['frank', 'donny', 'gretchen'])
  // whatever stands below, and what hears no cancel of it
  expect(new CancelScope(new CancelScope(ofDonny)).run(name)).toBe('donny')
  expect(CancelScope.beside(new CancelScope(ofDonny)).run(name)).toBe('donny')
  expect(() => becomeActor(actor('another'), ofDonny)).toThrow(expect.objectContaining({ code: 'ALREADY_RUNNING' }))
  leave()
  expect(() => ofDonny.run(name)).toThrow(expect.objectContaining({ code: 'NO_ACTOR' }))
  undo()
  expect(ofGretchen.run(name)).toBe('gretchen')
})
