import { types } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'
import { refusal } from './refusal.ts'
import { ValuePath } from './value-path.ts'

/** Holes in the arrays of one value: they cost their sender nothing, and whoever walks over them much. */
export const MAX_HOLES = 1_000_000

/** The first element of a node that is an array. */
export const NODE = {
  /** `[array, …ids]` */
  array: 0,
  /** `[oddArray, length, …(key id, item id)]`: one with holes, or with properties beside its items. */
  oddArray: 1,
  /** `[object, …(key id, item id)]` */
  object: 2,
  /** `[map, …(key id, item id)]` */
  map: 3,
  /** `[set, …ids]` */
  set: 4,
  /** `[negativeZero]` */
  negativeZero: 5,
  /** `[utf16, bytes]`: a string with lone surrogates, little endian. */
  utf16: 6,
  /** `[boxed, id]`: `new Number(1)` and its like. */
  boxed: 7,
  /** `[regExp, source id, flags]`: one whose source has lone surrogates. */
  regExp: 8,
  /** `[float16, bytes]` */
  float16: 9,
} as const

/**
 * A value as a flat list of nodes, itself the first: one in which something is there twice, or that holds what
 * msgpackr carries otherwise than `structuredClone` does, or not at all.
 *
 * A node is a primitive, date, error or bytes as they are, or an array that begins with one of {@link NODE}. An id is
 * the place of another node in the list. So cycles need neither recursion nor placeholders, and the codec no
 * references, with which a few hostile bytes could make huge values.
 */
export class ValueGraph {
  readonly nodes: readonly unknown[]

  constructor(nodes: readonly unknown[]) {
    this.nodes = nodes
  }
}

/** @throws InvalidArgument with the path to what cannot travel */
export function toGraph(value: unknown, path: string, levels: number): ValueGraph {
  const builder = new GraphBuilder(path, levels)
  builder.add(value, levels)
  return new ValueGraph(builder.nodes)
}

class GraphBuilder {
  readonly nodes: unknown[] = []
  readonly #ids = new Map<unknown, number>()
  readonly #path: ValuePath
  readonly #maxLevels: number
  #holes = 0

  constructor(path: string, maxLevels: number) {
    this.#path = new ValuePath(path)
    this.#maxLevels = maxLevels
  }

  /** The id of a value's node, which is made if there is none yet. */
  add(value: unknown, levels: number): number {
    switch (typeof value) {
      case 'object':
        return value === null ? this.#push(null) : this.#addObject(value, levels)
      case 'string':
        return this.#addString(value)
      case 'number':
        return this.#push(Object.is(value, -0) ? [NODE.negativeZero] : value)
      case 'function':
        return this.#refuse('a function')
      case 'symbol':
        return this.#refuse('a symbol')
      default:
        return this.#push(value)
    }
  }

  #addString(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.#push(text.isWellFormed() ? text : [NODE.utf16, new Uint8Array(Buffer.from(text, 'utf16le'))])
    this.#ids.set(text, id)
    return id
  }

  #addObject(object: object, levels: number): number {
    const known = this.#ids.get(object)
    if (known !== undefined) return known
    const why = refusal(object)
    if (why !== undefined) return this.#refuse(why)
    if (levels === 0)
      throw new InvalidArgument(`${this.#path.show()} is nested more than ${this.#maxLevels} levels deep`)
    const leaf = asLeaf(object)
    // The id is taken before the parts are added: they may contain the whole.
    const node: unknown[] = []
    const id = this.#push(leaf ?? node)
    this.#ids.set(object, id)
    if (leaf === undefined) this.#fill(node, object, levels - 1)
    return id
  }

  #fill(node: unknown[], object: object, levels: number): void {
    if (Array.isArray(object)) this.#fillArray(node, object, levels)
    else if (types.isMap(object)) this.#fillMap(node, object, levels)
    else if (types.isSet(object)) {
      node.push(NODE.set)
      for (const item of new Set(Set.prototype.values.call(object)))
        node.push(this.#addAt({ among: 'values' }, item, levels))
    } else if (types.isBoxedPrimitive(object)) node.push(NODE.boxed, this.add(unboxed(object), levels))
    else if (types.isRegExp(object)) node.push(NODE.regExp, this.#addString(object.source), object.flags)
    else {
      node.push(NODE.object)
      this.#fillProperties(node, object, levels)
    }
  }

  #fillArray(node: unknown[], array: readonly unknown[], levels: number): void {
    const keys = Object.keys(array)
    // Indices come first, in order: the last one tells whether all keys are indices and none is missing.
    if (keys.length === array.length && (keys.length === 0 || keys.at(-1) === String(array.length - 1))) {
      node.push(NODE.array)
      for (let i = 0; i < array.length; i++) node.push(this.#addAt({ index: i }, array[i], levels))
      return
    }
    this.#holes += Math.max(0, array.length - keys.length)
    if (this.#holes > MAX_HOLES) throw new InvalidArgument(`${this.#path.show()} has more than ${MAX_HOLES} holes`)
    node.push(NODE.oddArray, array.length)
    this.#fillProperties(node, array, levels)
  }

  #fillMap(node: unknown[], map: ReadonlyMap<unknown, unknown>, levels: number): void {
    node.push(NODE.map)
    for (const [key, item] of new Map(Map.prototype.entries.call(map))) {
      node.push(this.#addAt({ among: 'keys' }, key, levels))
      node.push(this.#addAt({ itemOf: key }, item, levels))
    }
  }

  #fillProperties(node: unknown[], object: object, levels: number): void {
    for (const key of Object.keys(object)) {
      this.#path.enter({ property: key })
      const value = this.#read(object, key)
      node.push(this.#addString(key), this.add(value, levels))
      this.#path.leave()
    }
  }

  #read(object: object, key: string): unknown {
    try {
      return (object as Record<string, unknown>)[key]
    } catch (cause) {
      throw new InvalidArgument(`${this.#path.show()} cannot be read: its getter throws`, { cause })
    }
  }

  #addAt(step: Parameters<ValuePath['enter']>[0], value: unknown, levels: number): number {
    this.#path.enter(step)
    const id = this.add(value, levels)
    this.#path.leave()
    return id
  }

  #push(node: unknown): number {
    return this.nodes.push(node) - 1
  }

  #refuse(what: string): never {
    throw new InvalidArgument(`${this.#path.show()} is ${what}, which cannot travel to another actor`)
  }
}

/** What msgpackr carries as it is; bytes without those around them, and without a class or realm of their own. */
function asLeaf(object: object): unknown {
  if (types.isNativeError(object) || object instanceof Error) return object
  if (types.isDate(object)) return new Date(Date.prototype.getTime.call(object))
  if (types.isRegExp(object)) return object.source.isWellFormed() ? new RegExp(object.source, object.flags) : undefined
  if (types.isArrayBuffer(object)) return new Uint8Array(object).slice().buffer
  if (!ArrayBuffer.isView(object)) return undefined
  const bytes = new Uint8Array(object.buffer, object.byteOffset, object.byteLength).slice()
  if (types.isDataView(object)) return new DataView(bytes.buffer)
  if (types.isFloat16Array(object)) return [NODE.float16, bytes]
  const View = VIEWS.get(Reflect.get(typedArrayPrototype, Symbol.toStringTag, object) as string) ?? Uint8Array
  return new View(bytes.buffer)
}

const VIEWS: ReadonlyMap<string, new (buffer: ArrayBuffer) => ArrayBufferView> = new Map(
  [
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
  ].map((View) => [View.name, View]),
)
const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object

function unboxed(object: object): unknown {
  if (types.isNumberObject(object)) return Number.prototype.valueOf.call(object)
  if (types.isStringObject(object)) return String.prototype.valueOf.call(object)
  if (types.isBooleanObject(object)) return Boolean.prototype.valueOf.call(object)
  return types.isBigIntObject(object) ? BigInt.prototype.valueOf.call(object) : Symbol.prototype.valueOf.call(object)
}
