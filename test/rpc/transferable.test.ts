import { describe, expect, test } from 'vitest'
import { InvalidArgument } from '../../node/errors.ts'
import { transferable, MAX_VALUE_DEPTH } from '../../rpc/transferable.ts'

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

async function* generator(): AsyncGenerator<number> {
  yield 1
}

describe('the path to the culprit', () => {
  test.each<[unknown, string]>([
    [() => {}, 'args[0] is a function'],
    [Symbol('s'), 'args[0] is a symbol'],
    [{ options: { callback: () => {} } }, 'args[0].options.callback is a function'],
    [[1, [2, Symbol('s')]], 'args[0][1][1] is a symbol'],
    [new Map([['key', () => {}]]), 'args[0].get("key") is a function'],
    [new Map([[() => {}, 1]]), 'args[0].keys() is a function'],
    [new Map([[Object.create(null), { f: () => {} }]]), 'args[0].get(an object).f is a function'],
    [new Set([() => {}]), 'args[0].values() is a function'],
    [{ later: Promise.resolve(1) }, 'args[0].later is a promise (await it first)'],
    [{ weak: new WeakMap() }, 'args[0].weak is a weak reference'],
    [new WeakRef({}), 'args[0] is a weak reference'],
    [
      { stream: generator() },
      'args[0].stream is a generator (only an async argument itself, or what an `async function*` yields, is streamed)',
    ],
    [{ proxy: new Proxy({}, {}) }, 'args[0].proxy is a proxy'],
    [class Film {}, 'args[0] is a function'],
    [new SharedArrayBuffer(8), 'args[0] is shared memory (send a copy of its bytes)'],
  ])('%o', (value, message) => {
    expect(() => transferable(value, 'args[0]')).toThrow(InvalidArgument)
    expect(() => transferable(value, 'args[0]')).toThrow(`${message}, which cannot travel to another actor`)
  })

  test('a proxy is refused without touching it', () => {
    const touched: string[] = []
    const trap = new Proxy(
      {},
      {
        get: (_, key) => touched.push(String(key)),
        ownKeys: () => {
          touched.push('keys')
          return []
        },
      },
    )
    expect(() => transferable(trap, 'x')).toThrow('a proxy')
    expect(touched).toEqual([])
  })
})

describe('what travels', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle

  test.each<[string, unknown]>([
    ['primitives', [1, 'a', true, null, undefined, 1n]],
    ['bytes and typed arrays', [new Uint8Array(8), new Float64Array(8), new ArrayBuffer(8)]],
    ['dates and expressions', [new Date(), /a/]],
    ['maps and sets', [new Map([[{ a: 1 }, new Set([1])]])]],
    ['a map whose key has no prototype', new Map([[Object.create(null), 1]])],
    ['cycles', cycle],
    ['objects without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['instances, for their own properties', new (class Film {
      title = 'x'
    })()], // oxfmt-ignore
    ['as many levels as there may be', nested(MAX_VALUE_DEPTH)],
  ])('%s', (_, value) => {
    transferable(value, 'args[0]')
  })
})

test('a value nested more than MAX_VALUE_DEPTH levels deep is refused', () => {
  expect(() => transferable(nested(MAX_VALUE_DEPTH + 1), 'x')).toThrow(`more than ${MAX_VALUE_DEPTH} levels deep`)
  expect(() => transferable(nested(200_000), 'x')).toThrow(InvalidArgument)
})

test('a long path is shown by its beginning and its end', () => {
  let value: unknown = () => {}
  for (let i = 0; i < 90; i++) value = { [`level${90 - i}`]: value }
  expect(() => transferable(value, 'x')).toThrow(/^x\.level1\..*\.level10….level81\..*\.level90 is a function/)
})

test('the stack of a refusal leads to who sent the value, however deep the culprit is', () => {
  let value: unknown = () => {}
  for (let i = 0; i < 50; i++) value = [value]
  const send = (): unknown => transferable(value, 'x')
  expect(send).toThrow(expect.objectContaining({ stack: expect.stringMatching(/which cannot travel.*\n +at send /) }))
})

test('a large value is checked without much ado', () => {
  const rows = Array.from({ length: 50_000 }, (_, i) => ({ id: i, tags: ['a', 'b'] }))
  transferable(rows, 'rows')
})

test('a generator is refused with a hint: only async function* streams', () => {
  function* numbers(): Generator<number> {
    yield 1
  }
  async function* later(): AsyncGenerator<number> {
    yield 1
  }
  for (const value of [numbers(), later()])
    expect(() => transferable(value, 'the result')).toThrow('or what an `async function*` yields, is streamed')
})
