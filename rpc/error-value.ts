import { types } from 'node:util'
import { ValueGraph } from './value-graph.ts'

/** An error that is part of a value, encoded. */
export class ErrorValue {
  readonly thrown: unknown

  constructor(thrown: unknown) {
    this.thrown = thrown
  }
}

/** Errors of other realms, as `node:vm` makes them, included. */
export function isError(value: unknown): value is Error {
  if (types.isNativeError(value)) return true
  try {
    return value instanceof Error
  } catch {
    // A proxy that refuses to be looked at.
    return false
  }
}

/**
 * A value with something else in the place of each error in it; what holds no error is not copied.
 *
 * @param value a tree or a graph, as `transferable()` gives them
 */
export function replaceErrors(value: unknown, replace: (error: Error) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isError(value)) return replace(value)
  const inner = (part: unknown): unknown => replaceErrors(part, replace)
  // Its nodes are leaves, errors among them, or lists of numbers.
  if (value instanceof ValueGraph) {
    const nodes = value.nodes.map((node) => (isError(node) ? replace(node) : node))
    return isSame(nodes, value.nodes) ? value : new ValueGraph(nodes)
  }
  if (Array.isArray(value)) {
    const items = value.map(inner)
    return isSame(items, value) ? value : items
  }
  if (types.isMap(value)) {
    const entries = [...value]
    const copies = entries.map((entry) => entry.map(inner) as [unknown, unknown])
    return copies.every((copy, i) => isSame(copy, entries[i]!)) ? value : new Map(copies)
  }
  if (types.isSet(value)) {
    const items = [...value]
    const copies = items.map(inner)
    return isSame(copies, items) ? value : new Set(copies)
  }
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || types.isDate(value) || types.isRegExp(value))
    return value
  const entries = Object.entries(value)
  const copies = entries.map(([key, part]) => [key, inner(part)] as const)
  return copies.every(([, part], i) => part === entries[i]![1]) ? value : Object.fromEntries(copies)
}

function isSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.every((item, i) => Object.is(item, others[i]))
}
