import { errorClass } from '../node/error-classes.ts'
import { type ActorRef, describeError, ProtocolError, RemoteActorError } from '../node/errors.ts'
import { assertTransferable } from './transferable.ts'

/** Links of a `cause` chain, and levels of nested `errors`, that travel. */
export const MAX_ERROR_DEPTH = 16
/** Errors of one `AggregateError`, and own properties of one error, that travel. */
export const MAX_ERROR_PARTS = 1_000
/** Characters of a message or stack that travel. */
export const MAX_ERROR_TEXT = 64 * 1024
const MAX_CLASS_CHAIN = 8

interface EncodedError {
  /** Class names from the most derived one up to Error: the first that the receiver knows is rebuilt. */
  classes: string[]
  name: string
  message: string
  stack: string
  cause?: EncodedThrown
  errors?: EncodedThrown[]
  props: Record<string, unknown>
}
type EncodedThrown = { error: EncodedError } | { value: unknown }

/** What travels when a function raises: the thrown value and the way it came. */
export interface EncodedFailure {
  thrown: EncodedThrown
  origin: ActorRef
  path: string[]
}

/**
 * Prepares whatever was thrown for the wire; never throws itself: parts that cannot travel are left out.
 *
 * An error that itself came from another actor keeps its origin, and this actor is added to its path.
 */
export function encodeFailure(thrown: unknown, self: ActorRef): EncodedFailure {
  if (thrown instanceof RemoteActorError && thrown.origin !== undefined)
    return {
      thrown: encodeThrown(thrown.cause, 0, thrown.remoteStack),
      origin: { name: thrown.origin.name, id: thrown.origin.id },
      path: [...thrown.path.slice(0, MAX_ERROR_DEPTH), self.name],
    }
  return { thrown: encodeThrown(thrown, 0), origin: { name: self.name, id: self.id }, path: [self.name] }
}

/** @throws ProtocolError when a peer sent something else than an encoded failure */
export function decodeFailure(wire: unknown): RemoteActorError {
  const { thrown, origin, path } = record(wire)
  const from = record(origin)
  const cause = decodeThrown(thrown, 0)
  const stack = cause instanceof Error ? (cause.stack ?? '') : ''
  return new RemoteActorError(
    { name: text(from['name']), id: text(from['id']) },
    Array.isArray(path) ? path.slice(0, MAX_ERROR_DEPTH + 1).map(text) : [],
    cause,
    stack,
  )
}

function encodeThrown(thrown: unknown, depth: number, stack?: string): EncodedThrown {
  if (!(thrown instanceof Error)) return travels(thrown) ? { value: thrown } : { value: describeError(thrown) }
  const error: EncodedError = {
    classes: classChain(thrown),
    name: String(thrown.name).slice(0, MAX_ERROR_TEXT),
    message: String(thrown.message).slice(0, MAX_ERROR_TEXT),
    stack: String(stack ?? thrown.stack ?? '').slice(0, MAX_ERROR_TEXT),
    props: ownProperties(thrown),
  }
  if (depth < MAX_ERROR_DEPTH) {
    if (thrown.cause !== undefined) error.cause = encodeThrown(thrown.cause, depth + 1)
    if (thrown instanceof AggregateError)
      error.errors = thrown.errors.slice(0, MAX_ERROR_PARTS).map((inner) => encodeThrown(inner, depth + 1))
  }
  return { error }
}

function decodeThrown(wire: unknown, depth: number): unknown {
  const thrown = record(wire)
  if (!('error' in thrown)) return thrown['value']
  if (depth > MAX_ERROR_DEPTH) throw new ProtocolError('an error is nested too deep')
  const encoded = record(thrown['error'])
  const classes = Array.isArray(encoded['classes']) ? encoded['classes'].slice(0, MAX_CLASS_CHAIN).map(text) : []
  const Class = classes.map(errorClass).find((known) => known !== undefined) ?? Error
  // A real error (with V8's error slot) given the class's prototype: constructors are not run on what peers send.
  const error = Object.setPrototypeOf(new Error(text(encoded['message'])), Class.prototype as object) as Error
  for (const [key, value] of Object.entries(record(encoded['props']))) define(error, key, value, true)
  define(error, 'stack', text(encoded['stack']), false)
  const name = text(encoded['name'])
  if (error.name !== name) define(error, 'name', name, false)
  if ('cause' in encoded) define(error, 'cause', decodeThrown(encoded['cause'], depth + 1), false)
  if (Array.isArray(encoded['errors']))
    define(
      error,
      'errors',
      encoded['errors'].slice(0, MAX_ERROR_PARTS).map((inner) => decodeThrown(inner, depth + 1)),
      false,
    )
  return error
}

function classChain(error: Error): string[] {
  const names: string[] = []
  let prototype: unknown = Object.getPrototypeOf(error)
  while (prototype instanceof Error || prototype === Error.prototype) {
    if (names.length === MAX_CLASS_CHAIN) break
    names.push(String((prototype as Error).constructor?.name ?? 'Error').slice(0, 256))
    prototype = Object.getPrototypeOf(prototype)
  }
  return names
}

const SPOKEN_FOR = new Set(['name', 'message', 'stack', 'cause', 'errors', '__proto__'])

function ownProperties(error: Error): Record<string, unknown> {
  const props: Record<string, unknown> = {}
  for (const key of Object.keys(error).slice(0, MAX_ERROR_PARTS)) {
    if (SPOKEN_FOR.has(key)) continue
    const value = (error as unknown as Record<string, unknown>)[key]
    if (travels(value)) props[key] = value
  }
  return props
}

function travels(value: unknown): boolean {
  try {
    assertTransferable(value, 'error')
    return true
  } catch {
    return false
  }
}

function define(error: Error, key: string, value: unknown, enumerable: boolean): void {
  if (key === '__proto__') return
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}

function record(wire: unknown): Record<string, unknown> {
  if (typeof wire === 'object' && wire !== null && !Array.isArray(wire)) return wire as Record<string, unknown>
  throw new ProtocolError('an encoded error has the wrong shape')
}

function text(wire: unknown): string {
  if (typeof wire === 'string') return wire.slice(0, MAX_ERROR_TEXT)
  throw new ProtocolError('an encoded error has the wrong shape')
}
