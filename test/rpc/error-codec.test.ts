import { AssertionError } from 'node:assert'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { registerError } from '../../node/error-classes.ts'
import {
  ActorDied,
  Cancelled,
  DeadlineExceeded,
  LimitExceeded,
  NotExposed,
  ProtocolError,
  RemoteActorError,
} from '../../node/errors.ts'
import { decode, encode } from '../../rpc/codec.ts'
import {
  decodeFailure,
  encodeFailure,
  type Fidelity,
  MAX_ERROR_DEPTH,
  MAX_ERROR_PARTS,
  MAX_ERROR_TEXT,
} from '../../rpc/error-codec.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-reader.ts'

const gretchen = { name: 'gretchen', id: '12D3KooWgretchen' }
const donny = { name: 'donny', id: '12D3KooWdonnydon' }
const walter = { name: 'walter', id: '12D3KooWwalterwa' }

class SoldOut extends RangeError {
  seats = 0
  constructor(seats: number) {
    super('no seats left')
    this.seats = seats
  }
  get full(): boolean {
    return this.seats === 0
  }
}
registerError(SoldOut)

/** What arrives of something thrown, after the actors have passed it on. */
function travel(thrown: unknown, ...actors: { name: string; id: string }[]): RemoteActorError {
  let passing = thrown
  for (const actor of actors.length === 0 ? [gretchen] : actors)
    passing = decodeFailure(decode(encode(encodeFailure(passing, actor, true))))
  return passing as RemoteActorError
}

describe('the class', () => {
  test('a built-in class comes back as itself', () => {
    for (const error of [new RangeError('a'), new TypeError('b'), new SyntaxError('c'), new Error('d')]) {
      const { cause } = travel(error)
      expect(cause).toBeInstanceOf(error.constructor)
      expect(Object.getPrototypeOf(cause)).toBe(Object.getPrototypeOf(error))
      expect(cause).toMatchObject({ name: error.name, message: error.message })
    }
  })

  test('a failed assertion comes back as one, and another class of that name is not taken for it', () => {
    const failed = new AssertionError({ actual: 1, expected: 2, operator: 'strictEqual' })
    const { cause } = travel(failed)
    expect(cause).toBeInstanceOf(AssertionError)
    expect(cause).toMatchObject({ code: 'ERR_ASSERTION', message: failed.message })
    const namesake = { AssertionError: class extends Error {} }.AssertionError
    expect(travel(new namesake('by another library')).cause).not.toBeInstanceOf(AssertionError)
    expect(() => registerError(namesake)).toThrow("'AssertionError' is an error class of the platform")
  })

  test('a registered class comes back with its own properties, without running its constructor', () => {
    const { cause } = travel(new SoldOut(0)) as { cause: SoldOut }
    expect(cause).toBeInstanceOf(SoldOut)
    expect([cause.seats, cause.full, cause.message]).toEqual([0, true, 'no seats left'])
  })

  test('an unknown class keeps its name and is rebuilt as the nearest class that is known', () => {
    class Unregistered extends SoldOut {
      override name = 'Unregistered'
    }
    class Stranger extends Error {}
    const near = travel(new Unregistered(3)).cause as SoldOut
    expect(near).toBeInstanceOf(SoldOut)
    expect([near.name, near.seats]).toEqual(['Unregistered', 3])
    const far = new Stranger('who')
    far.name = 'Stranger'
    expect(travel(far).cause).toMatchObject({ name: 'Stranger', message: 'who' })
    expect(travel(far).cause).toBeInstanceOf(Error)
  })

  test('the errors of greenroom come back as themselves, with their code and fields', () => {
    const errors = [
      new Cancelled('donny', 'enough'),
      new DeadlineExceeded(5),
      new ActorDied(donny, 'exit code 1'),
      new NotExposed('film#hi', 'film#hi is not exposed'),
      new LimitExceeded('MAX_FRAME_BYTES', 'too large'),
    ]
    for (const error of errors) {
      const { cause } = travel(error)
      expect(cause).toBeInstanceOf(error.constructor)
      expect({ ...(cause as object) }).toEqual(Object.assign({}, error, { name: undefined }))
      expect(cause).toMatchObject({ name: error.name, message: error.message, code: error.code })
    }
  })

  test('a class of another realm is the one of this realm', () => {
    const { cause } = travel(runInNewContext("new RangeError('far', { cause: new TypeError('away') })"))
    expect(Object.getPrototypeOf(cause)).toBe(RangeError.prototype)
    expect(cause).toMatchObject({ message: 'far', cause: expect.any(TypeError) })
  })

  test('a class that only has the name of a known one is not taken for it', () => {
    const { Cancelled: Mine, RangeError: Odd } = {
      Cancelled: class Cancelled extends Error {},
      RangeError: class RangeError extends Error {},
    }
    expect(travel(new Mine('x')).cause).not.toBeInstanceOf(Cancelled)
    expect(travel(new Mine('x')).cause).toMatchObject({ name: 'Cancelled', message: 'x' })
    expect(travel(new Odd('x')).cause).not.toBeInstanceOf(RangeError)
  })

  test('an abort of the platform is a DOMException again, with its name and code', () => {
    const { cause } = travel(AbortSignal.abort().reason) as { cause: DOMException }
    expect(cause).toBeInstanceOf(DOMException)
    expect([cause.name, cause.code, cause.message]).toEqual(['AbortError', 20, 'This operation was aborted'])
  })

  test('a SuppressedError keeps both of its errors', () => {
    const { cause } = travel(new SuppressedError(new RangeError('in clean-up'), new SoldOut(1), 'both')) as {
      cause: SuppressedError
    }
    expect(cause).toBeInstanceOf(SuppressedError)
    expect(cause.error).toBeInstanceOf(RangeError)
    expect(cause.suppressed).toBeInstanceOf(SoldOut)
    expect(Object.keys(cause)).toEqual([])
  })

  test('errors that a class of its own lists travel as errors, and what is no list as it is', () => {
    const listed = travel(Object.assign(new Error('invalid'), { errors: [new RangeError('a'), 'b'] })).cause
    expect(listed).toMatchObject({ errors: [expect.any(RangeError), 'b'] })
    const named = travel(Object.assign(new Error('invalid'), { errors: { field: 'too long' } })).cause
    expect(named).toMatchObject({ errors: { field: 'too long' } })
  })

  test('a system error keeps its code', () => {
    const error = Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2, path: '/nowhere' })
    expect(travel(error).cause).toMatchObject({ code: 'ENOENT', errno: -2, path: '/nowhere' })
  })
})

describe('what belongs to an error', () => {
  test('the cause chain survives, values at its end included', () => {
    const error = new Error('top', { cause: new RangeError('middle', { cause: { reason: ['bottom'] } }) })
    const top = travel(error).cause as Error
    const middle = top.cause as Error
    expect(middle).toBeInstanceOf(RangeError)
    expect(middle.cause).toEqual({ reason: ['bottom'] })
  })

  test('an AggregateError keeps all its errors, also those inside of others', () => {
    const inner = new AggregateError([new TypeError('a'), 'just text'], 'inner')
    const { cause } = travel(new AggregateError([new RangeError('b'), inner], 'outer')) as { cause: AggregateError }
    expect(cause).toBeInstanceOf(AggregateError)
    expect(cause.errors[0]).toBeInstanceOf(RangeError)
    const nested = cause.errors[1] as AggregateError
    expect(nested).toBeInstanceOf(AggregateError)
    expect(nested.errors[0]).toBeInstanceOf(TypeError)
    expect(nested.errors[1]).toBe('just text')
  })

  test('the remote stack arrives as text, on the cause and on the error', () => {
    const error = new Error('boom')
    const arrived = travel(error)
    expect(arrived.remoteStack).toBe(error.stack)
    expect((arrived.cause as Error).stack).toBe(error.stack)
  })

  test('the rebuilt error looks like one: stack, name and cause are not enumerable', () => {
    const { cause } = travel(new RangeError('boom', { cause: 1 }))
    expect(Object.keys(cause as Error)).toEqual([])
    expect(Error.isError(cause)).toBe(true)
  })

  test.each([[undefined], [null], ['text'], [42], [{ code: 1, list: [new Date(0)] }], [new Map([['a', 1]])]])(
    'a thrown value that is no error arrives as it is: %o',
    (thrown) => {
      expect(travel(thrown).cause).toEqual(thrown)
    },
  )
})

describe('without stacks', () => {
  const strip = (thrown: unknown, fidelity?: Fidelity): RemoteActorError =>
    decodeFailure(decode(encode(encodeFailure(thrown, walter, false, fidelity))))

  test('no stack is in the encoding, whatever was thrown and wherever its errors are from', () => {
    const remote = travel(new RangeError('boom', { cause: new Error('deep') }), gretchen, donny)
    const thrown = [
      new RangeError('boom', { cause: new TypeError('because', { cause: remote }) }),
      new AggregateError([new Error('one'), remote], 'several'),
      new SuppressedError(new Error('one'), remote, 'both'),
      Object.assign(new Error('boom'), { errors: [remote], other: 1 }),
      remote,
      new Error('while asking', { cause: remote }),
    ]
    for (const error of thrown)
      for (const fidelity of ['full', 'brief'] as const) {
        const wire = Buffer.from(encode(encodeFailure(error, walter, false, fidelity))).toString('latin1')
        expect(wire).not.toContain('error-codec.test')
        expect(Buffer.from(encode(encodeFailure(error, walter, true, fidelity))).toString('latin1')).toContain(
          'error-codec.test',
        )
      }
  })

  test('an error says what it is and which actor raised it', () => {
    const { cause, remoteStack } = strip(new SoldOut(1))
    expect(remoteStack).toBe('')
    expect((cause as Error).stack).toBe('RangeError: no seats left\n    at actor walter (walterwa)')
    expect((strip(new Error('')).cause as Error).stack).toBe('Error\n    at actor walter (walterwa)')
  })

  test('a remote error in it keeps origin and path, and has an empty remote stack', () => {
    const { cause } = strip(new Error('while asking', { cause: travel(new RangeError('boom'), gretchen, donny) }))
    const inner = (cause as Error).cause as RemoteActorError
    expect(inner).toBeInstanceOf(RemoteActorError)
    expect(inner).toMatchObject({ origin: gretchen, path: ['gretchen', 'donny'], remoteStack: '' })
  })

  test('an actor that passes it on to kin has no stack to add', () => {
    const onwards = travel(strip(new RangeError('boom')), donny)
    expect(onwards.remoteStack).toBe('')
    expect((onwards.cause as Error).stack).toContain('at actor walter')
  })
})

describe('the way', () => {
  test('origin and path name where it was first raised and whom it passed', () => {
    const arrived = travel(new RangeError('boom'), gretchen, donny, walter)
    expect(arrived.origin).toEqual(gretchen)
    expect(arrived.path).toEqual(['gretchen', 'donny', 'walter'])
    expect(arrived.cause).toBeInstanceOf(RangeError)
    expect(arrived.message).toContain('gretchen (gretchen) raised RangeError: boom (by way of donny, walter)')
  })

  test('the stack of the first actor survives every hop', () => {
    const error = new Error('boom')
    expect(travel(error, gretchen, donny, walter).remoteStack).toBe(error.stack)
  })

  test('a remote error that an actor wraps becomes the cause of what that actor raises, fields included', () => {
    const wrapped = travel(
      new Error('while asking', { cause: travel(new RangeError('boom'), gretchen, donny) }),
      walter,
    )
    expect(wrapped.origin).toEqual(walter)
    const inner = (wrapped.cause as Error).cause as RemoteActorError
    expect(inner).toBeInstanceOf(RemoteActorError)
    expect(inner).toMatchObject({ origin: gretchen, path: ['gretchen', 'donny'], code: 'REMOTE_ACTOR_ERROR' })
    expect(inner.cause).toBeInstanceOf(RangeError)
  })
})

describe('what cannot travel is left out, the rest arrives', () => {
  test('functions, symbols, promises and getters that throw among the properties', () => {
    const error = Object.assign(new Error('boom'), {
      ok: { a: 1 },
      callback: () => {},
      symbol: Symbol('s'),
      later: Promise.resolve(),
      deep: { inside: [() => {}] },
    })
    Object.defineProperty(error, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('not me')
      },
    })
    const { cause } = travel(error)
    expect({ ...(cause as object) }).toEqual({ ok: { a: 1 } })
    expect(cause).toHaveProperty('message', 'boom')
  })

  test.each(['name', 'message', 'stack', 'cause', 'errors', 'constructor'])(
    'a %s that throws when it is read',
    (key) => {
      const error = new AggregateError([new Error('inner')], 'boom')
      Object.defineProperty(error, key, {
        get: () => {
          throw new Error('not me')
        },
      })
      expect(travel(error).cause).toBeInstanceOf(Error)
    },
  )

  test('a proxy that throws at every touch', () => {
    const { proxy, revoke } = Proxy.revocable(new RangeError('boom'), {})
    expect(travel(new Error('x', { cause: proxy })).cause).toBeInstanceOf(Error)
    revoke()
    expect(() => travel(proxy)).not.toThrow()
    expect(travel(new Error('x', { cause: proxy })).cause).toHaveProperty('message', 'x')
  })

  test('a message and a name that are no text', () => {
    const error = new Error('x')
    Object.assign(error, { message: Object.create(null) as unknown, name: Symbol('odd') })
    expect(travel(error).cause).toMatchObject({ message: '', name: 'Symbol(odd)' })
  })

  test('a thrown function arrives as its text', () => {
    expect(travel(() => 'x').cause).toContain('=>')
  })
})

describe('bounds', () => {
  test('a cause chain is cut after MAX_ERROR_DEPTH links', () => {
    let error = new Error('0')
    for (let i = 1; i <= 100; i++) error = new Error(String(i), { cause: error })
    let links = 0
    for (let at: unknown = travel(error).cause; at instanceof Error && at.cause !== undefined; at = at.cause) links += 1
    expect(links).toBe(MAX_ERROR_DEPTH)
  })

  test('errors that hold each other end, and soon', () => {
    const loop = new Error('loop')
    loop.cause = loop
    expect((travel(loop).cause as Error).message).toBe('loop')
    const bush = new AggregateError([], 'bush')
    bush.errors = Array.from({ length: 10 }, () => bush)
    expect(travel(bush).cause).toBeInstanceOf(AggregateError)
  })

  test('of more errors than MAX_ERROR_PARTS the first ones arrive', () => {
    const many = Array.from({ length: MAX_ERROR_PARTS + 100 }, (_, i) => `error ${i}`)
    const { errors } = travel(new AggregateError(many)).cause as AggregateError
    expect(errors).toEqual(many.slice(0, MAX_ERROR_PARTS))
  })

  test('a text is cut after MAX_ERROR_TEXT characters', () => {
    const { cause } = travel(new Error('x'.repeat(MAX_ERROR_TEXT + 1)))
    expect((cause as Error).message).toHaveLength(MAX_ERROR_TEXT)
  })

  test('a brief failure fits into a frame whatever was thrown, and keeps class, message and way', () => {
    const huge = 'ü'.repeat(MAX_FRAME_BYTES)
    const error = Object.assign(new SoldOut(1), { props: huge, cause: new Error(huge), message: huge, stack: huge })
    for (const thrown of [error, huge, travel(error, gretchen)]) {
      const failure = encodeFailure(thrown, walter, true, 'brief' satisfies Fidelity)
      expect(encode(failure).byteLength).toBeLessThan(64 * 1024)
      const arrived = decodeFailure(decode(encode(failure)))
      expect(arrived.path.at(-1)).toBe('walter')
    }
    expect(decodeFailure(encodeFailure(error, walter, true, 'brief')).cause).toBeInstanceOf(SoldOut)
  })
})

describe('hostile shapes', () => {
  const good = encodeFailure(new AggregateError([new Error('x')], 'y', { cause: 1 }), gretchen, true)
  const withError = (changes: object): unknown => ({
    ...good,
    thrown: { error: { ...(good.thrown as { error: object }).error, ...changes } },
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number', 7],
    ['a list', []],
    ['an empty object', {}],
    ['no origin', { ...good, origin: undefined }],
    ['an origin without a name', { ...good, origin: { id: 'x' } }],
    ['a path of numbers', { ...good, path: [1, 2] }],
    ['thrown is text', { ...good, thrown: 'text' }],
    ['an error that is text', { ...good, thrown: { error: 'text' } }],
    ['a message that is no text', withError({ message: {} })],
    ['a stack that is no text', withError({ stack: 1 })],
    ['a name that is no text', withError({ name: null })],
    ['classes of numbers', withError({ classes: [1] })],
    ['properties that are a list', withError({ props: [1] })],
    ['a cause of the wrong shape', withError({ cause: 5 })],
    ['errors of the wrong shape', withError({ errors: [5] })],
  ])('%s is a ProtocolError', (_, wire) => {
    expect(() => decodeFailure(wire)).toThrow(ProtocolError)
  })

  test('class names that are no classes give a plain error', () => {
    for (const name of ['__proto__', 'constructor', 'Function', 'eval', 'process', '']) {
      const { cause } = decodeFailure(withError({ classes: [name], errors: undefined }))
      expect(Object.getPrototypeOf(cause)).toBe(Error.prototype)
    }
  })

  test('properties cannot reach the prototype, nor take the place of what is spoken for', () => {
    const props = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 1, "stack": 5, "message": 5, "cause": 5}')
    const { cause } = decodeFailure(withError({ props }))
    expect(Object.getPrototypeOf(cause)).toBe(AggregateError.prototype)
    expect(cause).toMatchObject({ message: 'y', cause: 1 })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('an AggregateError without errors has none', () => {
    const { cause } = decodeFailure(withError({ errors: undefined }))
    expect((cause as AggregateError).errors).toEqual([])
  })

  test('an error that holds itself many times over is refused, soon', () => {
    const bush: Record<string, unknown> = { ...(good.thrown as { error: object }).error, cause: undefined }
    delete bush['cause']
    bush['errors'] = Array.from({ length: 1_000 }, () => ({ error: bush }))
    expect(() => decodeFailure({ ...good, thrown: { error: bush } })).toThrow(ProtocolError)
  })

  test('a chain deeper than MAX_ERROR_DEPTH is refused', () => {
    let thrown: unknown = good.thrown
    for (let i = 0; i < 50; i++) thrown = { error: { ...(good.thrown as { error: object }).error, cause: thrown } }
    expect(() => decodeFailure({ ...good, thrown })).toThrow('nested too deep')
  })

  test('a faked remote error that an honest actor passes on does that actor no harm', () => {
    for (const props of [{}, { origin: 5, path: 7 }, { origin: {}, path: [] }, { origin: gretchen, path: [{}] }]) {
      const fake = decodeFailure(withError({ classes: ['greenroom/RemoteActorError'], props, errors: undefined })).cause
      expect(fake).toBeInstanceOf(RemoteActorError)
      const passedOn = travel(fake, walter)
      expect(passedOn.origin).toEqual(walter)
    }
  })

  test('a long path is cut', () => {
    const arrived = decodeFailure({ ...good, path: Array.from({ length: 10_000 }, () => 'x') })
    expect(arrived.path.length).toBeLessThanOrEqual(MAX_ERROR_DEPTH + 1)
  })
})
