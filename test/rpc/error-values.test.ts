import { Packr, Unpackr } from 'msgpackr'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerError } from '../../node/error-classes.ts'
import { ProtocolError, RemoteActorError } from '../../node/errors.ts'
import { decode, encode } from '../../rpc/codec.ts'
import { decodeFailure, encodeFailure, MAX_ERROR_DEPTH, MAX_ERROR_PARTS } from '../../rpc/error-codec.ts'
import { ERROR_EXTENSION } from '../../rpc/error-extension.ts'
import { transferable } from '../../rpc/transferable.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { giveErrors, relay } from './fixtures/relay.ts'
import { echo, raise, SoldOut as Sold, stage } from './fixtures/stage.ts'

class Broken extends RangeError {
  code = 'BROKEN'
  parts = 0
}
registerError(Broken, 'error-values/Broken')

/** What arrives of a value. */
function sent<T>(value: T): T {
  return decode(encode(transferable(value, 'value'))) as T
}

const broken = (): Broken =>
  Object.assign(new Broken('in two', { cause: new TypeError('fell', { cause: { floor: 3 } }) }), { parts: 2 })

function expectBroken(error: unknown): void {
  expect(error).toBeInstanceOf(Broken)
  expect(error).toMatchObject({ name: 'RangeError', message: 'in two', code: 'BROKEN', parts: 2 })
  const { cause } = error as Error
  expect(cause).toBeInstanceOf(TypeError)
  expect(cause).toMatchObject({ message: 'fell', cause: { floor: 3 } })
}

describe('an error in a value', () => {
  test('keeps class, code, cause chain and own properties, wherever it is', () => {
    const error = broken()
    expectBroken(sent(error))
    expectBroken(sent({ deep: [{ error }] }).deep[0]!.error)
    expectBroken([...sent(new Set([error]))][0])
    const map = sent(
      new Map<unknown, unknown>([
        [error, 1],
        ['two', error],
      ]),
    )
    expectBroken([...map.keys()][0])
    expectBroken(map.get('two'))
  })

  test('keeps the errors of an AggregateError, and those among its properties', () => {
    const error = Object.assign(new AggregateError([broken(), 'text'], 'several'), { first: broken(), all: [broken()] })
    const arrived = sent({ error }).error
    expect(arrived).toBeInstanceOf(AggregateError)
    expectBroken(arrived.errors[0])
    expect(arrived.errors[1]).toBe('text')
    expectBroken(arrived.first)
    expectBroken(arrived.all[0])
  })

  test('that is there twice arrives as one', () => {
    const error = broken()
    const [one, two] = sent([error, error])
    expect(one).toBe(two)
    expectBroken(one)
  })

  test('in a value that holds itself arrives in one that holds itself', () => {
    const value: { error: Error; self?: unknown } = { error: broken() }
    value.self = value
    const arrived = sent(value)
    expect(arrived.self).toBe(arrived)
    expectBroken(arrived.error)
  })

  test('has no stack of the other actor, and says so', () => {
    const error = Object.assign(new AggregateError([broken()]), { inner: broken() })
    expect(error.stack).toContain('error-values.test')
    expect(Buffer.from(encode(error)).includes('error-values.test')).toBe(false)
    expect(sent(broken()).stack).toBe('RangeError: in two\n    at another actor')
  })

  test('leaves what cannot travel behind, as a thrown one does', () => {
    const arrived = sent([Object.assign(broken(), { callback: () => {}, list: [Symbol('x')], fine: 1 })])[0]!
    expectBroken(arrived)
    expect(arrived).toMatchObject({ fine: 1 })
    expect(Object.keys(arrived).toSorted()).toEqual(['code', 'fine', 'parts'])
  })

  test('of another realm is one of this realm', () => {
    const far = runInNewContext("new RangeError('far')") as Error
    expect(Object.getPrototypeOf(sent({ far }).far)).toBe(RangeError.prototype)
  })

  test('that the platform made is a DOMException again', () => {
    expect(sent([AbortSignal.abort().reason as DOMException])[0]).toMatchObject({ name: 'AbortError', code: 20 })
  })
})

describe('bounds', () => {
  test('an error that holds itself arrives, MAX_ERROR_DEPTH levels deep', () => {
    const error: Error & { self?: unknown } = new Error('me')
    error.self = { again: error }
    let depth = 0
    type Inner = { self?: { again: unknown } }
    let at: unknown = sent(error)
    for (; at instanceof Error; at = (at as Inner).self?.again) depth += 1
    expect(depth).toBe(MAX_ERROR_DEPTH + 1)
    expect(at).toBe('Error: me')
  })

  test('errors that hold each other many times over end, and soon', () => {
    const bush: Error & { all?: unknown; more?: unknown } = new Error('bush')
    bush.all = Array.from({ length: 20 }, (_, i) => ({ i, bush }))
    bush.more = [bush]
    expect(encode(bush).byteLength).toBeLessThan(MAX_ERROR_PARTS * 1_000)
    expect(sent([bush])[0]).toBeInstanceOf(Error)
  })

  test('a hostile nesting of errors is a ProtocolError', () => {
    const levels = 200_000
    const bytes = Buffer.alloc(levels * 3, Buffer.from([0xd4, ERROR_EXTENSION, 0]))
    expect(() => decode(bytes)).toThrow(ProtocolError)
  })

  test.each([undefined, null, 1, 'text', [], { error: 1 }, { error: { classes: [] } }])(
    'the encoding %j is a ProtocolError',
    (inner) => {
      const bytes = Buffer.concat([Buffer.from([0xd4, ERROR_EXTENSION, 0]), encode(inner)])
      expect(() => decode(bytes)).toThrow(ProtocolError)
    },
  )
})

test('an error among the properties of a thrown one arrives as an error, with its stack only if that one has one', () => {
  const thrown = Object.assign(new Error('outer'), { inner: broken(), list: [broken()] })
  for (const stacks of [true, false]) {
    const wire = encode(encodeFailure(thrown, { name: 'a', id: 'x' }, stacks))
    expect(Buffer.from(wire).includes('error-values.test')).toBe(stacks)
    const { cause } = decodeFailure(decode(wire)) as { cause: typeof thrown }
    expectBroken(cause.inner)
    expectBroken(cause.list[0])
  }
  const { cause } = decodeFailure(decode(encode(encodeFailure([broken()], { name: 'a', id: 'x' }, true))))
  expectBroken((cause as unknown[])[0])
})

test('encoders of other libraries in the process carry errors as before', () => {
  const other = new Unpackr({ moreTypes: true }).unpack(new Packr({ moreTypes: true }).pack({ e: broken() })) as {
    e: Error
  }
  expect(other.e).toBeInstanceOf(RangeError)
  expect(other.e).toMatchObject({ message: 'in two' })
  expect(other.e).not.toHaveProperty('parts')
})

describe('between actors', () => {
  let mesh: InProcessMesh
  let a: InProcessActor
  let b: InProcessActor
  beforeAll(async () => {
    mesh = await meshInProcess([stage, relay])
    ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
  })
  afterAll(async () => await mesh[Symbol.asyncDispose]())

  test('errors are arguments and results', async () => {
    const value = { error: broken(), map: new Map([['sold', new Sold(3)]]) }
    const back = await within('the call', a.portalTo(b).run(echo<typeof value>, value))
    expectBroken(back.error)
    expect(back.map.get('sold')).toBeInstanceOf(Sold)
    expect(back.map.get('sold')).toMatchObject({ seats: 3 })
  })

  test('errors are items of streams', async () => {
    const items: { error: Error }[] = []
    for await (const item of a.portalTo(b).run(giveErrors, 3)) items.push(item)
    expect(items.map(({ error }) => error)).toEqual([expect.any(Sold), expect.any(Sold), expect.any(Sold)])
    expect(items[2]).toMatchObject({ error: { seats: 2, cause: expect.any(RangeError) } })
  })

  test('an error that was caught from one actor can be passed to another one', async () => {
    const caught = await a
      .portalTo(b)
      .run(raise, 'range')
      .catch((error: unknown) => error)
    const back = (await a.portalTo(b).run(echo, caught)) as RemoteActorError
    expect(back).toBeInstanceOf(RemoteActorError)
    expect(back).toMatchObject({ origin: { name: 'b' }, path: ['b'], remoteStack: '' })
    expect(back.cause).toBeInstanceOf(RangeError)
  })
})
