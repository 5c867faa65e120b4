import { types } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'
import { toGraph } from './value-graph.ts'

/** Levels of nesting that a value may have on its way to another actor. */
export const MAX_VALUE_DEPTH = 100

// What a walk has met so far; most values have one object at most, and need no set for it.
let first: object | undefined
let others: Set<object> | undefined

/**
 * What to encode in a value's stead, with everything that `structuredClone` keeps: the value itself when it is a tree
 * of what msgpack carries as it is, else a graph of it.
 *
 * @param levels of nesting that it may have
 * @throws InvalidArgument before anything is sent, with the path to what cannot travel, as in
 *   `args[0].options.callback`
 */
export function transferable(value: unknown, path: string, levels: number = MAX_VALUE_DEPTH): unknown {
  const common = isTree(value, levels)
  first = undefined
  others = undefined
  if (common) return value
  try {
    return toGraph(value, path, levels)
  } catch (error) {
    // The frames of the walk would fill the stack, and the call that was made with this value would not be on it.
    if (error instanceof InvalidArgument) Error.captureStackTrace(error, transferable)
    throw error
  }
}

/** Whether a value is a primitive that msgpack carries as it is. */
export function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed()
    case 'number':
      return value !== 0 || 1 / value > 0
    case 'object':
      return value === null
    case 'function':
    case 'symbol':
      return false
    default:
      return true
  }
}

/** Runs no code of the value's owner, so that getters run once, in the graph. */
function isTree(value: unknown, levels: number): boolean {
  return typeof value === 'object' && value !== null ? isTreeObject(value, levels) : isPlain(value)
}

function isTreeObject(object: object, levels: number): boolean {
  if (levels === 0 || types.isProxy(object) || !isNew(object)) return false
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype === Object.prototype) return isTreeRecord(object, levels)
  if (prototype === Array.prototype) return Array.isArray(object) && isTreeArray(object, levels)
  if (prototype === null) return !types.isModuleNamespaceObject(object) && isTreeRecord(object, levels)
  return isTreeInstance(object, prototype, levels)
}

function isNew(object: object): boolean {
  if (others !== undefined) return others.size < others.add(object).size
  if (first === undefined) first = object
  else if (first === object) return false
  else others = new Set([first, object])
  return true
}

function isTreeRecord(object: object, levels: number): boolean {
  if (Symbol.asyncIterator in object) return false
  for (const key in object) {
    const property = Object.getOwnPropertyDescriptor(object, key)
    if (property === undefined) continue
    // msgpackr keeps books under `__keys__`, and renames `__proto__`.
    if (property.get !== undefined || property.set !== undefined || key === '__proto__' || key === '__keys__')
      return false
    if (!key.isWellFormed() || !isTree(property.value, levels - 1)) return false
  }
  return true
}

function isTreeArray(array: readonly unknown[], levels: number): boolean {
  if (Symbol.asyncIterator in array) return false
  const { length } = array
  for (let i = 0; i < length; i++) {
    const item = array[i]
    if (!isTree(item, levels - 1) || (item === undefined && !Object.hasOwn(array, i))) return false
  }
  // More than its items: what a match of a regular expression has beside them, for one.
  return Object.keys(array).length === length
}

const VIEWS: ReadonlySet<unknown> = new Set(
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
    Buffer,
    DataView,
  ].map((View) => View.prototype as unknown),
)

function isTreeInstance(object: object, prototype: unknown, levels: number): boolean {
  if (VIEWS.has(prototype)) return ArrayBuffer.isView(object) && isReadable(object)
  if (prototype === Map.prototype && types.isMap(object)) {
    for (const [key, item] of object) if (!isTree(key, levels - 1) || !isTree(item, levels - 1)) return false
    return true
  }
  if (prototype === Set.prototype && types.isSet(object)) {
    for (const item of object) if (!isTree(item, levels - 1)) return false
    return true
  }
  if (prototype === Date.prototype) return types.isDate(object)
  if (prototype === RegExp.prototype) return types.isRegExp(object) && object.source.isWellFormed()
  if (prototype === ArrayBuffer.prototype) return types.isArrayBuffer(object) && !object.detached && !object.resizable
  return object instanceof Error
}

/** Whether a view has bytes of its own to copy: not shared with other threads, not transferred away, not cut off. */
function isReadable(view: ArrayBufferView): boolean {
  const { buffer } = view
  return types.isArrayBuffer(buffer) && !buffer.detached && !buffer.resizable
}
