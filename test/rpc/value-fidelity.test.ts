// oxlint-disable no-sparse-arrays, unicorn/no-new-array -- holes are what is tested
import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { types } from 'node:util'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgument } from '../../node/errors.ts'
import { decode, encode } from '../../rpc/codec.ts'
import { transferable } from '../../rpc/transferable.ts'
import { MAX_HOLES } from '../../rpc/value-graph.ts'
import { type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { echo, stage } from './fixtures/stage.ts'
import { randomSource } from './fixtures/random.ts'
import { randomValue } from './fixtures/random-value.ts'

/** As it travels: inside of a list of arguments, through bytes. */
function copy<T>(value: T): T {
  const [back] = decode(encode(transferable([value], 'args'))) as [T]
  return back
}

const cycle: Record<string, unknown> = { name: 'cycle' }
Object.assign(cycle, { self: cycle, list: [cycle, [cycle]], map: new Map([[cycle, cycle]]), set: new Set([cycle]) })
const ring: unknown[] = [1]
ring.push(ring, { ring })
const chain = new Map<unknown, unknown>()
chain.set(chain, new Set([chain]))
const shared = { name: 'shared' }
const sharedDate = new Date(5)
const sparse: unknown[] = [1, , 3]
const wide: unknown[] = []
wide[100_000] = 'far'
const resizable = new ArrayBuffer(4, { maxByteLength: 16 })
new Uint8Array(resizable).set([1, 2, 3, 4])
const named = Object.assign([1, 2], { extra: 'x', 'odd key': [3] })

class Film {
  title = 'x'
  #secret = 1
  static kind = 'film'
  get secret(): number {
    return this.#secret
  }
}
class Reel extends Array<number> {}
class Cast extends Map<string, number> {}
class Crew extends Set<string> {}
class Take extends Date {}
class Tape extends Uint8Array {}
const foreign = (code: string): unknown => runInNewContext(code)

const values: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['booleans', [true, false]],
  ['numbers', [0, -0, 1, -1, 63, 64, 127, 128, 255, 256, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 0.1, 5e-324, 1.7e308]],
  ['numbers that are none', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ['a negative zero', -0],
  ['negative zeros everywhere', { a: -0, list: [-0, 0], map: new Map([[1, -0]]), set: new Set([-0]) }],
  ['bigints', [0n, 1n, -1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n, -(2n ** 64n), 2n ** 64n - 1n, -(2n ** 63n) - 1n]],
  ['bigints of many digits', [2n ** 1_000n, -(2n ** 1_000n), 2n ** 100_000n, -(2n ** 100_000n), 7n ** 999n]],
  ['strings', ['', 'a', '\0', 'ä'.repeat(70), '🎭'.repeat(40), 'x'.repeat(300_000), '\u2028', '\uFEFF', '\uFFFD']],
  ['lone surrogates', ['\uD800', 'a\uDC00b', '\uDC00\uD800', `${'x'.repeat(100)}\uD83C`]],
  ['a lone surrogate in a key', { '\uD800': 1, ok: new Map([['\uDFFF', '\uD800']]) }],
  ['undefined inside', { a: undefined, b: [undefined, null], c: new Map([[undefined, undefined]]) }],
  ['an array with holes', sparse],
  ['an array of holes', Array.from({ length: 1 }).concat(new Array(5))],
  ['a sparse array', wide],
  ['an array with a hole at its end', [[1, ,], new Array(3)]],
  ['an array with properties', named],
  ['an array with as many properties as holes', Object.assign(new Array(1), { x: 1 })],
  ['the match of a regular expression', 'a green room'.match(/(?<colour>green) (room)/)],
  [
    'dates',
    [new Date(0), new Date(-1), new Date(8.64e15), new Date(-8.64e15), new Date(1.5), new Date(2 ** 32 * 1000)],
  ],
  ['an invalid date', new Date(Number.NaN)],
  ['regular expressions', [/a/, /b+/dgimsuy, /[\p{L}--[a-z]]/v, new RegExp('/\n'), new RegExp('')]],
  ['a regular expression with a lone surrogate', new RegExp('\uD800', 'g')],
  ['boxed primitives', [Object(1), Object('text'), Object(true), Object(2n), Object(-0), Object('\uD800')]],
  ['a map in its order', new Map<unknown, unknown>([['z', 1], ['a', 2], [10, 3], [2, 4]])], // oxfmt-ignore
  ['a map with keys of any kind', new Map<unknown, unknown>([[{ a: 1 }, 1], [[1], 2], [new Map([[1, 2]]), 3], [null, 4], [Number.NaN, 5], [1n, 6]])], // oxfmt-ignore
  ['sets', new Set<unknown>([3, 1, 'a', { b: 2 }, new Set([new Set()])])],
  ['objects in their order', { z: 1, a: 2, 10: 3, 2: 4, '': 5, 'odd key': 6 }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: { b: 1 } })],
  ['keys that mean something', { constructor: 1, hasOwnProperty: 2, toString: 3, valueOf: null, length: 5 }],
  ['keys that the codec keeps books under', [{ a: 1, __keys__: 2 }, { a: 1 }, { __keys__: [1] }, { toJSON: 'x' }]],
  ['a __proto__ key', JSON.parse('{"__proto__": {"polluted": true}, "b": {"__proto__": 1}}')],
  ['an instance, for its own properties', new Film()],
  [
    'instances of what extends the built-in ones',
    [new Reel(1, 2, 3), new Cast([['a', 1]]), new Crew(['a']), new Take(7), new Tape([1])],
  ],
  ['an object with getters', { get a() { return 1 }, b: { get c() { return [2] } } }], // oxfmt-ignore
  ['what is not enumerable', Object.defineProperty({ a: 1 }, 'hidden', { value: 2 })],
  ['symbol keys', { a: 1, [Symbol('s')]: 2, [Symbol.iterator]: 3 }],
  ['inherited properties', Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } })],
  ['array buffers', [new ArrayBuffer(0), new Uint8Array([1, 2, 3]).buffer]],
  ['a view on a part of a buffer', new Uint16Array(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer, 2, 2)],
  ['data views', [new DataView(new Uint8Array([1, 2, 3]).buffer), new DataView(new ArrayBuffer(8), 3, 2)]],
  ['a view on a resizable buffer', new Uint8Array(resizable)],
  ['empty things', [[], {}, new Map(), new Set(), new Uint8Array(0), '']],
  ['cycles', cycle],
  ['an array in itself', ring],
  ['a map in itself', chain],
  [
    'what is there twice',
    { a: shared, b: [shared, shared], map: new Map([[shared, shared]]), dates: [sharedDate, sharedDate] },
  ],
  ['values of another realm', foreign('({ map: new Map([[1, [2]]]), set: new Set([1]), date: new Date(9), list: [1, , 3], re: /x/g, bytes: new Uint8Array([1, 2]), buffer: new Uint8Array([3]).buffer, boxed: Object("x") })')], // oxfmt-ignore
]

describe('what arrives is what structuredClone gives', () => {
  test.each(values)('%s', (_, value) => {
    const expected = structuredClone(value)
    const back = copy(value)
    assert.deepStrictEqual(back, expected)
    assertSameShape(back, expected)
  })

  test.each([
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ])('%o, with an offset as well', (TypedArray) => {
    const View = TypedArray as unknown as new (...args: readonly unknown[]) => ArrayBufferView
    const bytes = Uint8Array.from({ length: 64 }, (_byte, i) => (i * 37) % 256)
    for (const view of [new View(bytes.buffer), new View(bytes.buffer, 16, 2), new View(0)]) {
      const back = copy(view)
      assert.deepStrictEqual(back, structuredClone(view))
      expect(back.buffer.byteLength).toBe(view.byteLength)
    }
  })

  test('a Buffer arrives as a Uint8Array', () => {
    const back = copy<unknown>(Buffer.from('bytes'))
    expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype)
    expect(back).toEqual(new TextEncoder().encode('bytes'))
  })

  test('bytes arrive without those around them, and a resizable buffer as one of a fixed length', () => {
    const part = copy(new Uint8Array(1_000).fill(7).subarray(10, 12))
    expect(part.buffer.byteLength).toBe(2)
    const back = copy(resizable)
    expect(back.resizable).toBe(false)
    expect(new Uint8Array(back)).toEqual(new Uint8Array([1, 2, 3, 4]))
  })

  test('what is there twice in one list of arguments is one thing afterwards', () => {
    const [a, b] = decode(encode(transferable([shared, { inner: shared }, sparse], 'args'))) as [
      unknown,
      Record<string, unknown>,
    ]
    expect(a).toEqual(shared)
    expect(b['inner']).toBe(a)
  })

  test('the key of a map and what it stands for stay one thing', () => {
    const [[key, value] = []] = [...copy(new Map([[shared, { shared }]]))]
    expect(value?.shared).toBe(key)
  })

  test('getters are called once', () => {
    let calls = 0
    const counting = { get a() { return { n: ++calls } }, negative: -0 } // oxfmt-ignore
    expect(copy(counting)).toEqual({ a: { n: 1 }, negative: -0 })
    expect(calls).toBe(1)
  })

  test('whatever is made of all of them, by chance', () => {
    for (let seed = 0; seed < 4_000; seed++) {
      const value = randomValue(randomSource(seed))
      const expected = structuredClone(value)
      const back = copy(value)
      try {
        assert.deepStrictEqual(back, expected)
        assertSameShape(back, expected)
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
  })
})

describe('a real call', () => {
  let mesh: InProcessMesh
  beforeAll(async () => {
    mesh = await meshInProcess([stage])
  })
  afterAll(async () => await mesh[Symbol.asyncDispose]())

  test('takes and gives all of them', async () => {
    const [a, b] = mesh.actors
    const portal = a!.portalTo(b!)
    for (const [name, value] of values) {
      const back = await portal.run(echo, value)
      try {
        assert.deepStrictEqual(back, structuredClone(value))
        assertSameShape(back, structuredClone(value))
      } catch (cause) {
        throw new Error(name, { cause })
      }
    }
  })

  test('is refused with the path, and nothing of it was sent', async () => {
    const [a, b] = mesh.actors
    const options = { callback: () => {} }
    await expect(a!.portalTo(b!).run(echo, { options })).rejects.toThrow('args[0].options.callback is a function')
  })
})

describe('nothing is polluted', () => {
  test('by a __proto__ key, which arrives as a key', () => {
    const back = copy(JSON.parse('{"__proto__": {"polluted": true}}')) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.hasOwn(back, '__proto__')).toBe(true)
    expect(back['polluted']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('by a constructor key', () => {
    copy(JSON.parse('{"constructor": {"prototype": {"polluted": true}}, "n": -1e400}'))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

const transferred = new ArrayBuffer(8)
const viewOnTransferred = new Uint8Array(transferred)
structuredClone(transferred, { transfer: [transferred] })
const shrunk = new ArrayBuffer(8, { maxByteLength: 8 })
const cutOff = new Uint8Array(shrunk, 4, 4)
shrunk.resize(2)
const revoked = Proxy.revocable({}, {})
revoked.revoke()
class Address extends URL {}
/** Of the platform, but not of the types of TypeScript's library for Node. */
const wasm = (
  globalThis as unknown as Record<'WebAssembly', Record<'Module' | 'Memory', new (from: unknown) => object>>
).WebAssembly

describe('what would lose what it is, is refused with its path and what to do', () => {
  test.each<[string, () => unknown, string]>([
    ['URL', () => new URL('https://example.org'), 'is a URL (send its text)'],
    ['a subclass of one', () => new Address('https://example.org'), 'is a URL (send its text)'],
    ['URLSearchParams', () => new URLSearchParams('a=1'), 'is a URLSearchParams (send its text)'],
    ['Headers', () => new Headers(), 'is a Headers (send its entries: [...headers])'],
    ['Request', () => new Request('https://example.org'), 'is a Request'],
    ['FormData', () => new FormData(), 'is a FormData'],
    ['Blob', () => new Blob(['x']), 'is a Blob (send its bytes: await blob.bytes())'],
    ['File', () => new File(['x'], 'name'), 'is a File'],
    ['AbortSignal', () => new AbortController().signal, 'is an AbortSignal (pass it to portal.with({ signal }))'],
    ['Event', () => new Event('x'), 'is an Event (send plain data that it can be made of again)'],
    ['MessagePort', () => { const { port1 } = new MessageChannel(); port1.close(); return port1 }, 'is a MessagePort'], // oxfmt-ignore
    ['ReadableStream', () => new ReadableStream(), 'is an async iterable (only an async argument itself'],
    ['an async iterable', () => ({ [Symbol.asyncIterator]: null }), 'is an async iterable'],
    ['KeyObject', () => createSecretKey(Buffer.from('x')), 'is a KeyObject (export it, and think twice)'],
    ['a module', async () => await import('node:os'), 'is a promise (await it first)'],
    ['WebAssembly.Module', () => new wasm.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])), 'is a Module'],
    ['WebAssembly.Memory', () => new wasm.Memory({ initial: 1 }), 'is a Memory'],
    ['Intl', () => new Intl.NumberFormat(), 'is a NumberFormat'],
    ['Temporal', () => Temporal.Now.instant(), 'is an Instant (send its text'],
    ['an iterator', () => [1].values(), 'is an iterator (send an array of what it gives)'],
    ['FinalizationRegistry', () => new FinalizationRegistry(() => {}), 'is a FinalizationRegistry'],
    ['a boxed symbol', () => Object(Symbol('x')), 'is a symbol'],
    ['a transferred buffer', () => transferred, 'is a buffer that was transferred away'],
    ['a view on one', () => viewOnTransferred, 'is a buffer that was transferred away'],
    ['a view beyond its buffer', () => cutOff, 'is a view that its buffer has become too short for'],
    ['a view on shared memory', () => new Uint8Array(new SharedArrayBuffer(1)), 'is shared memory'],
    ['a revoked proxy', () => revoked.proxy, 'is a proxy'],
    ['a proxy of an array', () => new Proxy([1], {}), 'is a proxy'],
    ['a getter that throws', () => ({ get bad() { throw new Error('not me') } }), '.bad cannot be read: its getter throws'], // oxfmt-ignore
    ['holes without end', () => new Array(MAX_HOLES + 1), `has more than ${MAX_HOLES} holes`],
  ])('%s', (_, make, message) => {
    const value = make()
    if (types.isPromise(value)) value.catch(() => {})
    expect(() => copy({ deep: [value] })).toThrow(InvalidArgument)
    expect(() => copy({ deep: [value] })).toThrow(`args[0].deep[0]${message.startsWith('.') ? '' : ' '}${message}`)
  })
})

/** What `deepStrictEqual` does not see: what is one thing, and what holes there are. */
function assertSameShape(actual: unknown, expected: unknown, met = new Map<object, unknown>()): void {
  if (typeof expected !== 'object' || expected === null) return
  assert.ok(typeof actual === 'object' && actual !== null)
  if (met.has(expected)) {
    assert.equal(actual, met.get(expected), 'one thing became two')
    return
  }
  assert.ok(![...met.values()].includes(actual), 'two things became one')
  met.set(expected, actual)
  assert.equal(Object.getPrototypeOf(actual), Object.getPrototypeOf(expected))
  if (types.isMap(expected)) {
    const [theirs, ours] = [[...expected], [...(actual as Map<unknown, unknown>)]]
    for (const [i, entry] of theirs.entries())
      for (const j of [0, 1] as const) assertSameShape(ours[i]?.[j], entry[j], met)
  } else if (types.isSet(expected)) {
    const ours = [...(actual as Set<unknown>)]
    for (const [i, item] of [...expected].entries()) assertSameShape(ours[i], item, met)
  } else if (!ArrayBuffer.isView(expected)) {
    assert.deepEqual(Object.keys(actual), Object.keys(expected))
    for (const key of Object.keys(expected))
      assertSameShape((actual as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key], met)
  }
}
