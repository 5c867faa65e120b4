import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../node/errors.ts'
import { decode, encode } from '../../rpc/codec.ts'
import { transferable } from '../../rpc/transferable.ts'
import { randomSource } from './fixtures/random.ts'

const copy = (value: unknown): unknown => decode(encode(transferable(value, 'value')))

const shared = { name: 'shared' }
const cycle: Record<string, unknown> = { name: 'cycle' }
cycle['self'] = cycle
cycle['map'] = new Map([['me', cycle]])
cycle['set'] = new Set([cycle])

describe('what structuredClone keeps, this keeps', () => {
  test.each<[string, unknown]>([
    ['undefined and null', [undefined, null, { a: undefined }]],
    ['booleans and strings', [true, false, '', 'text', '\u0000', '🎭', 'ä'.repeat(10_000)]],
    ['numbers', [0, 1, -1, 63, 64, 127, 128, 255, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1, 0.1, 1e300]],
    ['numbers that are none', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['bigints', [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n, -(2n ** 200n)]],
    ['dates', [new Date(0), new Date(-1), new Date('2026-11-24T12:34:56.789Z')]],
    ['regular expressions', [/a+/giu]],
    ['a map with string keys', new Map([['a', 1]])],
    ['a map with keys of any kind', new Map<unknown, unknown>([[{ a: 1 }, 1], [2, 'b'], [undefined, new Map()], [[1], 1]])], // oxfmt-ignore
    ['maps beside objects', { map: new Map([['a', 1]]), object: { a: 1 }, empty: [new Map(), {}, new Set()] }],
    ['sets', new Set<unknown>([1, 'a', { b: 2 }, new Set([3])])],
    ['nested arrays and objects', { list: [[], [1, [2, [{ three: 3 }]]]], 'odd key': { '': 0, 1: 'one' } }],
    ['an array buffer', new Uint8Array([1, 2, 3]).buffer],
    ['a data view', new DataView(new Uint8Array([1, 2, 3]).buffer)],
  ])('%s', (_, value) => {
    expect(copy(value)).toEqual(value)
  })

  test('what is there twice is one thing afterwards', () => {
    const { a, b, list } = copy({ a: shared, b: shared, list: [shared] }) as Record<string, unknown>
    expect(a).toEqual(shared)
    expect(b).toBe(a)
    expect((list as unknown[])[0]).toBe(a)
  })

  test('cycles come back as cycles, through objects, maps and sets', () => {
    const back = copy(cycle) as typeof cycle
    expect(back['self']).toBe(back)
    expect((back['map'] as Map<string, unknown>).get('me')).toBe(back)
    expect((back['set'] as Set<unknown>).has(back)).toBe(true)
  })

  test.each([
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ])('%o', (TypedArray) => {
    const Class = TypedArray as unknown as new (values: readonly unknown[]) => ArrayLike<unknown>
    const big = TypedArray === BigInt64Array || TypedArray === BigUint64Array
    const value = new Class(big ? [1n, 2n, 3n] : [1, 2, 3])
    const back = copy(value)
    expect(back).toBeInstanceOf(TypedArray)
    expect(back).toEqual(value)
  })

  test('a large dictionary', () => {
    const dictionary = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key ${i}`, i]))
    expect(copy(dictionary)).toEqual(dictionary)
  })

  test('any mixture of them', () => {
    const random = randomSource(1)
    for (let i = 0; i < 300; i++) {
      const value = random.value(4)
      expect(copy(value)).toEqual(value)
    }
  })
})

describe('bytes', () => {
  test('decoded bytes share no memory with the chunk that they arrived in', () => {
    for (const value of [new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), new Float64Array([1, 2]), new Uint8Array(5_000)]) {
      const chunk = encode({ value })
      const { value: back } = decode(chunk) as { value: typeof value }
      chunk.fill(0xff)
      expect(back).toEqual(value)
      expect(back.buffer).not.toBe(chunk.buffer)
    }
  })

  test('typed arrays carry their own bytes only, none of earlier messages', () => {
    const secret = 'secret'.repeat(1_000)
    for (let i = 0; i < 200; i++) {
      encode({ secret })
      const value = i % 2 === 0 ? new Float64Array([i, i + 1]) : new Int32Array([i])
      const bytes = encode([value])
      expect(Buffer.from(bytes).includes('secret')).toBe(false)
      const [back] = decode(bytes) as [typeof value]
      expect(back).toEqual(value)
      expect(Buffer.from(back.buffer).includes('secret')).toBe(false)
    }
  })

  test('a view on a part of a buffer takes only that part along', () => {
    const whole = new Uint8Array(1_000).fill(7)
    const bytes = encode(whole.subarray(10, 12))
    expect(bytes.byteLength).toBeLessThan(40)
    expect(decode(bytes)).toEqual(new Uint8Array([7, 7]))
  })
})

describe('each message stands by itself', () => {
  test('messages decode in any order, whatever was encoded before them', () => {
    const values = Array.from({ length: 200 }, (_, i) => ({ [`k${i % 70}`]: i, nested: { [`n${i}`]: [i, { a: i }] } }))
    const encoded = values.map((value) => encode(value))
    for (let i = values.length - 1; i >= 0; i--) expect(decode(encoded[i]!)).toEqual(values[i])
  })

  test('a message that failed to encode or decode leaves nothing behind for the next one', () => {
    const good = { a: [1, { b: new Map([['c', 2]]) }] }
    const thrower = {
      ok: 1,
      get bad() {
        throw new Error('not me')
      },
    }
    for (let at = 0; at < 20; at++) {
      expect(() => encode([{ before: 1 }, thrower])).toThrow('not me')
      expect(() => decode(encode(good).subarray(0, at % 5))).toThrow(ProtocolError)
      expect(copy(good)).toEqual(good)
    }
  })
})

describe('hostile bytes', () => {
  test('a __proto__ key pollutes nothing', () => {
    const hostile = JSON.parse(
      '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}',
    ) as object
    const back = copy([hostile, hostile, new Map([['__proto__', 1]])]) as [Record<string, unknown>]
    expect(Object.getPrototypeOf(back[0])).toBe(Object.prototype)
    expect(back[0]['polluted']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('raw maps with a __proto__ key pollute nothing either', () => {
    const key = Buffer.from('\u00a9__proto__', 'latin1')
    const back = decode(Buffer.concat([Buffer.from([0x81]), key, Buffer.from([0x81, 0xa1, 0x78, 0x01])]))
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect((back as Record<string, unknown>)['x']).toBeUndefined()
  })

  test('bytes after a value are refused at once, however large the value becomes when it is written out', () => {
    let value: unknown = [0]
    for (let i = 0; i < 60; i++) value = [value, value]
    const bytes = encode(transferable(value, 'value'))
    expect(decode(bytes)).toHaveLength(2)
    expect(() => decode(Buffer.concat([bytes, Buffer.from([1])]))).toThrow(`the value ends after ${bytes.byteLength}`)
  })

  test('the references of msgpackr, with which a few bytes could make a huge value, are refused', () => {
    const shared = { a: 1 }
    const bytes = new Packr({ structuredClone: true }).pack([shared, shared])
    expect(() => decode(bytes)).toThrow(ProtocolError)
  })

  test('a value that ends early, or never begins, is refused', () => {
    const bytes = encode({ a: ['text', 1.5, new Map([[1, 2n]])] })
    for (let length = 0; length < bytes.byteLength; length++)
      expect(() => decode(bytes.subarray(0, length))).toThrow(ProtocolError)
  })

  test.each([
    ['an array', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['bytes', [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ['a string', [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['an extension', [0xc9, 0xff, 0xff, 0xff, 0xff, 0x74]],
    ['arrays in arrays', Array.from({ length: 20_000 }, () => [0xdc, 0x4e, 0x20]).flat()],
  ])('%s that announces more than there is costs no memory', (_, bytes) => {
    const before = process.memoryUsage().rss
    expect(() => decode(Uint8Array.from(bytes))).toThrow(ProtocolError)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })

  test.each([
    ['arrays', [0x91]],
    ['maps', [0x81, 0x01]],
    ['sets', [0xd4, 0x73, 0x00, 0x91]],
    ['references', [0xd6, 0x69, 0, 0, 0, 1, 0x91]],
  ])('a million nested %s are refused', (_, level) => {
    const bytes = new Uint8Array(level.length * 1_000_000).map((_byte, i) => level[i % level.length]!)
    expect(() => decode(bytes)).toThrow(ProtocolError)
    expect(copy(['still works'])).toEqual(['still works'])
  })

  test('a million digits of a number are read soon', () => {
    const size = 400_000
    const header = Buffer.from([0xc9, 0, 0, 0, 0, 0x42])
    header.writeUInt32BE(size, 1)
    expect(decode(Buffer.concat([header, Buffer.alloc(size, 0x77)]))).toBeTypeOf('bigint')
  })

  test('whatever bytes come, they decode or raise a ProtocolError, soon', () => {
    const random = randomSource(2)
    const raised: unknown[] = []
    for (let i = 0; i < 2_000; i++) {
      const bytes = random.chance(0.5) ? random.bytes(random.int(200)) : mutated(random, encode(random.value(3)))
      try {
        decode(bytes)
      } catch (error) {
        raised.push(error)
      }
    }
    expect(raised.length).toBeGreaterThan(100)
    expect(raised.filter((error) => !(error instanceof ProtocolError))).toEqual([])
    expect(copy({ still: ['works'] })).toEqual({ still: ['works'] })
  })
})

function mutated(random: ReturnType<typeof randomSource>, bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes)
  for (let i = 0; i <= random.int(3); i++) changed[random.int(changed.length)] = random.int(256)
  return changed.subarray(0, random.chance(0.3) ? random.int(changed.length) : changed.length)
}
