import { types } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'

/** Levels of nesting that a value may have on its way to another actor. */
export const MAX_VALUE_DEPTH = 100

/**
 * Refuses a value that cannot travel to another actor, before anything is sent.
 *
 * @throws InvalidArgument with the path to the culprit, as in `args[0].options.callback`
 */
export function assertTransferable(value: unknown, path: string): void {
  if (isPlain(value)) return
  visit(value, path, 0, new Set())
}

function visit(value: unknown, path: string, depth: number, seen: Set<object>): void {
  if (isPlain(value)) return
  const refusal = refuse(value)
  if (refusal !== undefined) throw new InvalidArgument(`${path} is ${refusal}, which cannot travel to another actor`)
  const object = value as object
  if (ArrayBuffer.isView(object) || seen.has(object)) return
  if (depth >= MAX_VALUE_DEPTH) throw new InvalidArgument(`${path} is nested more than ${MAX_VALUE_DEPTH} levels deep`)
  seen.add(object)
  if (Array.isArray(object)) for (const [i, item] of object.entries()) visit(item, `${path}[${i}]`, depth + 1, seen)
  else if (object instanceof Map)
    for (const [key, item] of object) {
      visit(key, `${path}.keys()`, depth + 1, seen)
      visit(item, `${path}.get(${isPlain(key) ? String(key) : 'an object'})`, depth + 1, seen)
    }
  else if (object instanceof Set) for (const item of object) visit(item, `${path}.values()`, depth + 1, seen)
  else for (const [key, item] of Object.entries(object)) visit(item, `${path}.${key}`, depth + 1, seen)
}

function isPlain(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')
}

function refuse(value: unknown): string | undefined {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (types.isGeneratorObject(value))
    return 'a generator (only an async argument itself, or what an `async function*` yields, is streamed)'
  if (types.isProxy(value)) return 'a proxy'
  if (types.isPromise(value)) return 'a promise (await it first)'
  if (types.isSharedArrayBuffer(value)) return 'shared memory'
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) return 'a weak reference'
  if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value)
    return 'an async iterable (only an argument itself, or what an `async function*` yields, is streamed)'
  return undefined
}
