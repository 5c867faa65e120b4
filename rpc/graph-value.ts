import { ProtocolError } from '../node/errors.ts'
import { MAX_HOLES, NODE } from './value-graph.ts'

/**
 * The value of a graph that a peer sent.
 *
 * @throws ProtocolError when it is none
 */
export function fromGraph(wire: unknown): unknown {
  if (!Array.isArray(wire) || wire.length === 0) throw wrong()
  return new GraphReader(wire).read()
}

/** Makes every object first, then puts them into each other: nothing recurs, however deep a peer nests. */
class GraphReader {
  readonly #nodes: readonly unknown[]
  readonly #values: unknown[]
  #holes = 0

  constructor(nodes: readonly unknown[]) {
    this.#nodes = nodes
    this.#values = nodes.map(shell)
  }

  read(): unknown {
    for (const [id, node] of this.#nodes.entries()) if (Array.isArray(node)) this.#complete(id, node)
    for (const [id, node] of this.#nodes.entries()) if (Array.isArray(node)) this.#fill(this.#values[id], node)
    return this.#values[0]
  }

  /** Those that cannot be made before their parts, which are primitives. */
  #complete(id: number, node: readonly unknown[]): void {
    if (node[0] === NODE.boxed) this.#values[id] = Object(this.#primitive(node[1]))
    else if (node[0] === NODE.regExp) {
      const source = this.#primitive(node[1])
      if (typeof source !== 'string' || typeof node[2] !== 'string') throw wrong()
      this.#values[id] = new RegExp(source, node[2])
    }
  }

  #fill(value: unknown, node: readonly unknown[]): void {
    switch (node[0]) {
      case NODE.array:
        for (let i = 1; i < node.length; i++) (value as unknown[]).push(this.#at(node[i]))
        return
      case NODE.set:
        for (let i = 1; i < node.length; i++) (value as Set<unknown>).add(this.#at(node[i]))
        return
      case NODE.map:
        this.#pairs(node, 1, (key, item) => (value as Map<unknown, unknown>).set(key, item))
        return
      case NODE.object:
        this.#pairs(node, 1, (key, item) => define(value as object, key, item))
        return
      case NODE.oddArray:
        this.#fillOddArray(value as unknown[], node)
    }
  }

  #fillOddArray(array: unknown[], node: readonly unknown[]): void {
    const length = node[1]
    if (typeof length !== 'number' || !(length >= 0 && length < 2 ** 32) || !Number.isInteger(length)) throw wrong()
    this.#holes += Math.max(0, length - (node.length - 2) / 2)
    if (this.#holes > MAX_HOLES) throw new ProtocolError(`a value has more than ${MAX_HOLES} holes`)
    array.length = length
    this.#pairs(node, 2, (key, item) => define(array, key, item))
    if (array.length !== length) throw wrong()
  }

  #pairs(node: readonly unknown[], from: number, take: (key: unknown, item: unknown) => void): void {
    if ((node.length - from) % 2 !== 0) throw wrong()
    for (let i = from; i < node.length; i += 2) take(this.#at(node[i]), this.#at(node[i + 1]))
  }

  #at(id: unknown): unknown {
    if (typeof id !== 'number' || !(id >= 0 && id < this.#values.length) || !Number.isInteger(id)) throw wrong()
    return this.#values[id]
  }

  #primitive(id: unknown): unknown {
    const value = this.#at(id)
    if (value === null || value === undefined || typeof value === 'object') throw wrong()
    return value
  }
}

/** The value of a node, still without what is to be in it. */
function shell(node: unknown): unknown {
  if (!Array.isArray(node)) return node
  switch (node[0]) {
    case NODE.array:
    case NODE.oddArray:
      return []
    case NODE.object:
      return {}
    case NODE.map:
      return new Map()
    case NODE.set:
      return new Set()
    case NODE.negativeZero:
      return -0
    case NODE.utf16:
      return Buffer.from(bytesOf(node)).toString('utf16le')
    case NODE.float16:
      return new Float16Array(bytesOf(node).slice().buffer)
    case NODE.boxed:
    case NODE.regExp:
      return undefined
    default:
      throw wrong()
  }
}

function bytesOf(node: readonly unknown[]): Uint8Array<ArrayBuffer> {
  const bytes = node[1]
  if (bytes instanceof Uint8Array && bytes.byteLength % 2 === 0) return bytes as Uint8Array<ArrayBuffer>
  throw wrong()
}

/** Assignment, which `__proto__` would make more of. */
function define(object: object, key: unknown, value: unknown): void {
  if (typeof key !== 'string') throw wrong()
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  else (object as Record<string, unknown>)[key] = value
}

const wrong = (): ProtocolError => new ProtocolError('a graph of a value has the wrong shape')
