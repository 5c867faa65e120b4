import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../node/errors.ts'
import { decode, encode } from '../../rpc/codec.ts'
import { fromGraph } from '../../rpc/graph-value.ts'
import { transferable } from '../../rpc/transferable.ts'
import { MAX_HOLES, NODE, toGraph, ValueGraph } from '../../rpc/value-graph.ts'
import { randomSource } from './fixtures/random.ts'
import { randomValue } from './fixtures/random-value.ts'

const { array, oddArray, object, map, set, negativeZero, utf16, boxed, regExp, float16 } = NODE
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('a graph', () => {
  test('is made only of a value that needs one', () => {
    const tree = { a: [1, 'text', new Map([[1, new Date(0)]]), bytes(1)], b: null }
    expect(transferable(tree, 'x')).toBe(tree)
    const leaf = {}
    for (const odd of [-0, '\uD800', [leaf, leaf], Object.assign([1], { x: 1 }), new Float16Array(1), Object(1)])
      expect(transferable(odd, 'x')).toBeInstanceOf(ValueGraph)
  })

  test('holds each object and each text once', () => {
    const row = { colour: 'green' }
    const { nodes } = toGraph([row, row, { colour: 'green' }], 'x', 10)
    expect(nodes).toEqual([[array, 1, 1, 4], [object, 2, 3], 'colour', 'green', [object, 2, 3]])
  })

  test('of a hundred thousand rows is made and read soon', () => {
    const tags = ['a', 'b']
    const rows = Array.from({ length: 100_000 }, (_, id) => ({ id, tags }))
    const back = decode(encode(transferable(rows, 'rows'))) as typeof rows
    expect(back).toHaveLength(rows.length)
    expect(back[99_999]).toEqual({ id: 99_999, tags })
    expect(back[99_999]?.tags).toBe(back[0]?.tags)
  })
})

describe('a hostile graph', () => {
  test.each<[string, unknown]>([
    ['no list', { nodes: [] }],
    ['an empty list', []],
    ['an unknown kind', [[99]]],
    ['a kind that is none', [['array']]],
    ['an id beyond the list', [[array, 1]]],
    ['a negative id', [[array, -1]]],
    ['a broken id', [[array, 0.5]]],
    ['an id that is no number', [[array, '0']]],
    ['a key without an item', [[object, 1], 'key']],
    ['a map of one and a half entries', [[map, 1, 1, 1], 'key']],
    ['a key that is no text', [[object, 1, 1], 5]],
    ['a key that is an object', [[object, 0, 0]]],
    ['an array longer than arrays are', [[oddArray, 2 ** 32]]],
    ['an array of a negative length', [[oddArray, -1]]],
    ['an array of a broken length', [[oddArray, 1.5]]],
    ['an array of no length', [[oddArray]]],
    ['an index beyond the length', [[oddArray, 1, 1, 1], '5']],
    ['a length among the properties', [[oddArray, 1, 1, 2], 'length', 4_000_000_000]],
    ['more holes than there may be', [[oddArray, MAX_HOLES + 1]]],
    [
      'more holes than there may be, in many arrays',
      [
        [array, 1, 2],
        [oddArray, MAX_HOLES],
        [oddArray, 1],
      ],
    ],
    ['half a character', [[utf16, bytes(1)]]],
    ['text of no bytes', [[utf16, 'text']]],
    ['half a number', [[float16, bytes(1, 2, 3)]]],
    ['a boxed object', [[boxed, 1], {}]],
    ['a box in itself', [[boxed, 0]]],
    ['a boxed nothing', [[boxed, 1], null]],
    ['an expression of no text', [[regExp, 1, 'g'], 5]],
    ['flags of no text', [[regExp, 1, 5], 'a']],
  ])('%s is refused', (_, nodes) => {
    expect(() => fromGraph(nodes)).toThrow(ProtocolError)
    expect(() => decode(encode(new ValueGraph(nodes as unknown[])))).toThrow(ProtocolError)
  })

  test('an expression that is none is a ProtocolError of the codec', () => {
    expect(() => decode(encode(new ValueGraph([[regExp, 1, 'g'], '('])))).toThrow(ProtocolError)
  })

  test('pollutes nothing', () => {
    const back = fromGraph([[object, 1, 2], '__proto__', [object, 3, 4], 'polluted', true]) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(back['polluted']).toBeUndefined()
    const list = fromGraph([[oddArray, 0, 1, 2], '__proto__', [object]]) as unknown[]
    expect(Object.getPrototypeOf(list)).toBe(Array.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('of any depth is read without recursion', () => {
    const nodes = Array.from({ length: 100_000 }, (_, id) => [set, id + 1])
    const back = fromGraph([...nodes, [negativeZero]])
    expect(back).toBeInstanceOf(Set)
  })

  test('made by chance of a good one is a value or a ProtocolError', () => {
    const random = randomSource(3)
    const raised: unknown[] = []
    for (let i = 0; i < 2_000; i++) {
      const nodes = structuredClone(toGraph([randomValue(random), -0], 'x', 20).nodes) as unknown[]
      const node = nodes[random.int(nodes.length)]
      if (Array.isArray(node))
        node[random.int(node.length)] = [random.int(12), -1, 2 ** 40, 'text', null, {}][random.int(6)]
      else nodes[random.int(nodes.length)] = [random.int(12), random.int(5)]
      try {
        decode(encode(new ValueGraph(nodes)))
      } catch (error) {
        raised.push(error)
      }
    }
    expect(raised.length).toBeGreaterThan(200)
    expect(raised.filter((error) => !(error instanceof ProtocolError))).toEqual([])
  })
})
