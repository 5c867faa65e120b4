import { describe, expect, test } from 'vitest'
import {
  ActorDied,
  ActorTooSlow,
  BootFailed,
  Cancelled,
  DeadlineExceeded,
  describeError,
  GreenroomError,
  InvalidArgument,
  LimitExceeded,
  NotExposed,
  ProtocolError,
  RemoteActorError,
  showActor,
} from '../../node/errors.ts'

const gretchen = { name: 'gretchen', id: '12D3KooWQxabcdefgh' }

const all: [GreenroomError, string][] = [
  [new Cancelled('donny', 'enough'), 'CANCELLED'],
  [new DeadlineExceeded(5), 'DEADLINE_EXCEEDED'],
  [new RemoteActorError(gretchen, ['gretchen'], new RangeError('boom'), ''), 'REMOTE_ACTOR_ERROR'],
  [new ActorDied(gretchen, 'exit code 1'), 'ACTOR_DIED'],
  [new NotExposed('film#hi', 'film#hi is not exposed'), 'NOT_EXPOSED'],
  [new ActorTooSlow(gretchen, 1_000), 'ACTOR_TOO_SLOW'],
  [new BootFailed('gretchen', 'exit code 1'), 'BOOT_FAILED'],
  [new ProtocolError('garbage'), 'PROTOCOL'],
  [new LimitExceeded('MAX_FRAME_BYTES', 'too large'), 'LIMIT_EXCEEDED'],
  [new InvalidArgument('wrong'), 'INVALID_ARGUMENT'],
]

describe('every error', () => {
  test.each(all)('%s has its code and its class as name, and is a GreenroomError', (error, code) => {
    expect(error.code).toBe(code)
    expect(error.name).toBe(error.constructor.name)
    expect(error).toBeInstanceOf(GreenroomError)
    expect(error).toBeInstanceOf(Error)
  })
})

test('an error whose class has no name of its own is shown by its class', () => {
  class SoldOut extends Error {}
  expect(describeError(new SoldOut('no seats'))).toBe('SoldOut: no seats')
  expect(describeError(new SoldOut())).toBe('SoldOut')
})

describe('messages alone suffice', () => {
  test('a remote error names its actor, the cause, and the actors that it came by', () => {
    const cause = new RangeError('boom')
    const error = new RemoteActorError(gretchen, ['gretchen', 'donny', 'walter'], cause, 'stack')
    expect(error.message).toBe('gretchen (abcdefgh) raised RangeError: boom (by way of donny, walter)')
    expect(error.cause).toBe(cause)
  })

  test('a remote error that came directly names no way', () => {
    const error = new RemoteActorError(gretchen, ['gretchen'], 'just a string', '')
    expect(error.message).toBe('gretchen (abcdefgh) raised just a string')
  })

  test('a limit is named with its value', () => {
    expect(new LimitExceeded('MAX_FRAME_BYTES', 'too large').message).toBe('too large (limit MAX_FRAME_BYTES)')
  })

  test('the tail of a peer id is what tells two actors of one name apart', () => {
    expect(showActor(gretchen)).toBe('gretchen (abcdefgh)')
  })
})

test.each([
  [new RangeError('boom'), 'RangeError: boom'],
  [new RangeError(), 'RangeError'],
  ['text', 'text'],
  [undefined, 'undefined'],
  [{ a: 1 }, '[object Object]'],
  [Symbol('s'), 'Symbol(s)'],
  [Object.create(null), 'a value that cannot be shown'],
])('anything that is thrown fits in one line: %s', (thrown, line) => {
  expect(describeError(thrown)).toBe(line)
})
