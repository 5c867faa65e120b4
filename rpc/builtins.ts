import { LimitExceeded } from '../node/errors.ts'
import { BUILTIN_NAMESPACE, type ExposedFunction, type FunctionKind } from './exposed.ts'

/** Calls of built-in functions of one peer that run here at a time, streams included. */
export const MAX_BUILTIN_CALLS = 64

const PREFIX = `${BUILTIN_NAMESPACE}#`
const MODULE = { namespace: BUILTIN_NAMESPACE, url: 'greenroom:' } as const

/** The built-in functions, with their kinds. */
export const BUILTINS = {
  ping: 'value',
  tree: 'value',
  vitals: 'value',
  look: 'value',
  observe: 'stream',
  setLogLevel: 'value',
  endChild: 'value',
  kill: 'value',
  call: 'value',
  stream: 'stream',
} as const satisfies Record<string, FunctionKind>

export type BuiltinName = keyof typeof BUILTINS

/** What runs for a peer, whose id the connection has shown; what it passes has yet to be checked. */
export type Builtin = (peer: string, ...args: unknown[]) => unknown

/** All but `ping`, which needs nothing. */
export type BuiltinTable = Readonly<Record<Exclude<BuiltinName, 'ping'>, Builtin>>

/** The name that travels, `greenroom#name`. */
export function builtinId(name: BuiltinName): string {
  return PREFIX + name
}

export function isBuiltin(functionId: string): boolean {
  return functionId.startsWith(PREFIX)
}

/**
 * What every actor answers to members whatever it exposes: it is asked about itself, and asked to end. It is called like
 * any function, under the same limits, and is counted as a call of none.
 */
export class Builtins {
  readonly #table = Promise.withResolvers<BuiltinTable>()
  readonly #running = new Map<string, number>()

  /** Says what they do: those that were called before wait for it. */
  serve(table: BuiltinTable): void {
    this.#table.resolve(table)
  }

  /** The function as one peer calls it, if there is one of that name. */
  find(functionId: string, peer: string): ExposedFunction | undefined {
    if (!isBuiltin(functionId)) return undefined
    const name = functionId.slice(PREFIX.length)
    if (!isName(name)) return undefined
    const kind = BUILTINS[name]
    const call =
      name === 'ping'
        ? nothing
        : kind === 'stream'
          ? (...args: unknown[]) => this.#stream(name, peer, args)
          : async (...args: unknown[]) => await this.#value(name, peer, args)
    return { id: functionId, kind, namespace: BUILTIN_NAMESPACE, module: MODULE, call }
  }

  async #value(name: Exclude<BuiltinName, 'ping'>, peer: string, args: unknown[]): Promise<unknown> {
    this.#enter(peer)
    try {
      return await (await this.#table.promise)[name](peer, ...args)
    } finally {
      this.#leave(peer)
    }
  }

  async *#stream(name: Exclude<BuiltinName, 'ping'>, peer: string, args: unknown[]): AsyncGenerator<unknown> {
    this.#enter(peer)
    try {
      yield* (await this.#table.promise)[name](peer, ...args) as AsyncIterable<unknown>
    } finally {
      this.#leave(peer)
    }
  }

  #enter(peer: string): void {
    const running = this.#running.get(peer) ?? 0
    if (running >= MAX_BUILTIN_CALLS)
      throw new LimitExceeded('MAX_BUILTIN_CALLS', `${running} questions of one peer are being answered`)
    this.#running.set(peer, running + 1)
  }

  #leave(peer: string): void {
    const left = (this.#running.get(peer) ?? 1) - 1
    if (left > 0) this.#running.set(peer, left)
    else this.#running.delete(peer)
  }
}

function isName(name: string): name is BuiltinName {
  return Object.hasOwn(BUILTINS, name)
}

function nothing(): void {}
