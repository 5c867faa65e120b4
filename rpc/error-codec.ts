import { classId, type ErrorClass, errorClass } from '../node/error-classes.ts'
import { type ActorRef, describeError, ProtocolError, RemoteActorError, showActor } from '../node/errors.ts'
import { ErrorValue, isError, replaceErrors } from './error-value.ts'
import { transferable } from './transferable.ts'

/** Links of a `cause` chain, and levels of nested `errors`, that travel. */
export const MAX_ERROR_DEPTH = 16
/**
 * Errors of one failure (itself, its causes and the `errors` of all of them), and own properties of one error, that
 * travel.
 */
export const MAX_ERROR_PARTS = 1_000
/** Characters of a message or stack that travel. */
export const MAX_ERROR_TEXT = 64 * 1024
/** Characters of the texts of an error that is larger than a frame. */
const MAX_BRIEF_TEXT = 4 * 1024
const MAX_CLASS_CHAIN = 8

interface EncodedError {
  /** Class names from the most derived one up to Error: the first that the receiver knows is rebuilt. */
  classes: string[]
  name: string
  message: string
  /** Missing for a receiver that is not to see it. */
  stack?: string
  cause?: EncodedThrown
  errors?: EncodedThrown[]
  /** Of a SuppressedError: what was thrown last, and what that suppressed. */
  error?: EncodedThrown
  suppressed?: EncodedThrown
  props: Record<string, unknown>
}
type EncodedThrown = { error: EncodedError } | { value: unknown }

/** What travels when a function raises: the thrown value and the way it came. */
export interface EncodedFailure {
  thrown: EncodedThrown
  origin: ActorRef
  path: string[]
}

/** How much of an error is sent: all that travels, or what surely fits into a frame. */
export type Fidelity = 'full' | 'brief'

/** What is left to spend on one failure; without it, errors that hold each other would grow without end. */
interface Budget {
  errors: number
  readonly text: number
  readonly depth: number
  readonly props: boolean
  readonly stacks: boolean
}

const newBudget = (fidelity: Fidelity, stacks: boolean): Budget =>
  fidelity === 'full'
    ? { errors: MAX_ERROR_PARTS, text: MAX_ERROR_TEXT, depth: MAX_ERROR_DEPTH, props: true, stacks }
    : { errors: 1, text: MAX_BRIEF_TEXT, depth: 0, props: false, stacks }

/**
 * Prepares whatever was thrown for the wire; never throws itself: parts that cannot travel are left out.
 *
 * An error that itself came from another actor keeps its origin, and this actor is added to its path.
 *
 * @param stacks whether the receiver may see stacks: this error's and those of all errors in it, wherever they are from
 * @param fidelity `brief` for an error that is larger than a frame: its class and the first characters of its texts
 */
export function encodeFailure(
  thrown: unknown,
  self: ActorRef,
  stacks: boolean,
  fidelity: Fidelity = 'full',
): EncodedFailure {
  const budget = newBudget(fidelity, stacks)
  if (isRemote(thrown))
    return {
      thrown: encodeThrown(thrown.cause, 0, budget, thrown.remoteStack),
      origin: { name: thrown.origin.name, id: thrown.origin.id },
      path: [...thrown.path.slice(0, MAX_ERROR_DEPTH), self.name],
    }
  return { thrown: encodeThrown(thrown, 0, budget), origin: { name: self.name, id: self.id }, path: [self.name] }
}

/** Rebuilds what a peer raised. @throws ProtocolError when the encoding has another shape */
export function decodeFailure(wire: unknown): RemoteActorError {
  const failure = record(wire)
  const from = record(failure['origin'])
  const origin = { name: text(from['name']), id: text(from['id']) }
  const path = failure['path']
  const budget = { errors: MAX_ERROR_PARTS }
  const cause = decodeThrown(failure['thrown'], 0, budget, `at actor ${showActor(origin)}`)
  return new RemoteActorError(
    origin,
    Array.isArray(path) ? path.slice(0, MAX_ERROR_DEPTH + 1).map(text) : [],
    cause,
    sentStack(failure['thrown']),
  )
}

/** Prepares an error that is part of a value. It travels without stacks: who will read it is not known here. */
export function encodeErrorValue(error: Error): unknown {
  return encodeThrown(error, 0, newBudget('full', false))
}

/** Rebuilds an error that is part of a value. @throws ProtocolError when the encoding has another shape */
export function decodeErrorValue(wire: unknown): unknown {
  return decodeThrown(wire, 0, { errors: MAX_ERROR_PARTS }, 'at another actor')
}

/** Of errors that came with classes which are unknown here: whoever they are passed on to may know them. */
const unknownClasses = new WeakMap<Error, string[]>()

/** The stack that came with an error, empty when none did. */
function sentStack(wire: unknown): string {
  const thrown = record(wire)
  return 'error' in thrown ? text(record(thrown['error'])['stack'] ?? '') : ''
}

function encodeThrown(thrown: unknown, depth: number, budget: Budget, stack?: string): EncodedThrown {
  if (!isError(thrown)) {
    const sent = budget.props ? portable(thrown, depth, budget) : undefined
    return sent ?? { value: words(() => describeError(thrown), budget) }
  }
  budget.errors -= 1
  const error: EncodedError = {
    classes: classChain(thrown),
    name: words(() => thrown.name, budget),
    message: words(() => thrown.message, budget),
    props: budget.props ? ownProperties(thrown, depth, budget) : {},
  }
  if (budget.stacks) error.stack = words(() => stack ?? thrown.stack ?? '', budget)
  if (depth >= budget.depth) return { error }
  const cause = attempt(() => thrown.cause)
  if (cause !== undefined && budget.errors > 0) error.cause = encodeThrown(cause, depth + 1, budget)
  for (const part of SUPPRESSION) {
    const inner = attempt(() => Object.getOwnPropertyDescriptor(thrown, part))
    if (inner === undefined || inner.enumerable || budget.errors <= 0) continue
    error[part] = encodeThrown(inner.value, depth + 1, budget)
  }
  const errors = attempt(() => (thrown as AggregateError).errors)
  if (Array.isArray(errors)) {
    error.errors = []
    for (const inner of errors) {
      if (budget.errors <= 0 || error.errors.length === MAX_ERROR_PARTS) break
      error.errors.push(encodeThrown(inner, depth + 1, budget))
    }
  }
  return { error }
}

/** @param where stands below the message of an error that came without a stack */
function decodeThrown(wire: unknown, depth: number, budget: Pick<Budget, 'errors'>, where: string): unknown {
  const thrown = record(wire)
  if (!('error' in thrown)) return thrown['value']
  if (depth > MAX_ERROR_DEPTH) throw new ProtocolError('an error is nested too deep')
  if (--budget.errors < 0) throw new ProtocolError(`an error has more than ${MAX_ERROR_PARTS} errors in it`)
  const encoded = record(thrown['error'])
  const classes = Array.isArray(encoded['classes']) ? encoded['classes'].slice(0, MAX_CLASS_CHAIN).map(text) : []
  const Class = classes.map(errorClass).find((known) => known !== undefined) ?? Error
  const sent = text(encoded['name'])
  const error = instance(Class, text(encoded['message']), sent)
  if (classes[0] !== undefined && errorClass(classes[0]) === undefined) unknownClasses.set(error, classes)
  for (const [key, value] of Object.entries(record(encoded['props'])).slice(0, MAX_ERROR_PARTS))
    if (!SPOKEN_FOR.has(key)) define(error, key, value, true)
  // A class that is unknown here, and did not set a name of its own, is still told apart by its class name.
  const name = sent === 'Error' && Class === Error ? (classes[0] ?? sent) : sent
  if (error.name !== name) define(error, 'name', name, false)
  const stack = text(encoded['stack'] ?? '')
  define(error, 'stack', stack === '' ? `${describeError(error)}\n    ${where}` : stack, false)
  if ('cause' in encoded) define(error, 'cause', decodeThrown(encoded['cause'], depth + 1, budget, where), false)
  for (const part of SUPPRESSION)
    if (part in encoded) define(error, part, decodeThrown(encoded[part], depth + 1, budget, where), false)
  const errors = encoded['errors']
  if (Array.isArray(errors)) {
    const inner = errors.slice(0, MAX_ERROR_PARTS).map((part) => decodeThrown(part, depth + 1, budget, where))
    define(error, 'errors', inner, !(error instanceof AggregateError))
  } else if (error instanceof AggregateError) define(error, 'errors', [], false)
  return error
}

/** Of a class, without running its constructor on what a peer sent. */
function instance(Class: ErrorClass, message: string, name: string): Error {
  // The platform's own is known by internal state, which only its constructor makes: of two texts, so it is harmless.
  if (Class === DOMException) return new DOMException(message, name)
  // A real error (with V8's error slot) given the class's prototype.
  return Object.setPrototypeOf(new Error(message), Class.prototype as object) as Error
}

function classChain(error: Error): string[] {
  const received = unknownClasses.get(error)
  if (received !== undefined) return received
  const names: string[] = []
  const next = (object: object): object | null => attempt(() => Object.getPrototypeOf(object) as object | null) ?? null
  let prototype = next(error)
  for (let links = 0; prototype !== null && links < MAX_CLASS_CHAIN; links++) {
    const here = prototype
    prototype = next(here)
    // The last one is `Object.prototype`, of whatever realm.
    const id = prototype === null ? undefined : attempt(() => classId(here))
    if (id !== undefined) names.push(id)
  }
  return names
}

const SUPPRESSION = ['error', 'suppressed'] as const
// `__keys__` is a name that msgpackr keeps its books under.
const SPOKEN_FOR = new Set(['name', 'message', 'stack', 'cause', '__proto__', '__keys__'])

function ownProperties(error: Error, depth: number, budget: Budget): Record<string, unknown> {
  const props: Record<string, unknown> = {}
  for (const key of Object.keys(error).slice(0, MAX_ERROR_PARTS)) {
    if (SPOKEN_FOR.has(key)) continue
    const value = attempt(() => (error as unknown as Record<string, unknown>)[key])
    // A list of errors travels with them.
    if (key === 'errors' && Array.isArray(value)) continue
    const sent = value === undefined ? undefined : portable(value, depth, budget)
    if (sent !== undefined) props[key] = sent.value
  }
  // The stack of a remote error is in a property as well.
  if (!budget.stacks && attempt(() => error instanceof RemoteActorError) === true) props['remoteStack'] = ''
  return props
}

/** What to encode for a value, the errors in it included, unless it cannot travel. */
function portable(value: unknown, depth: number, budget: Budget): { value: unknown } | undefined {
  const encodeInner = (error: Error): unknown =>
    depth >= budget.depth || budget.errors <= 0
      ? words(() => describeError(error), budget)
      : new ErrorValue(encodeThrown(error, depth + 1, budget))
  return attempt(() => ({ value: replaceErrors(transferable(value, 'error'), encodeInner) }))
}

/** Errors are anybody's objects: a getter that throws costs its own property, never the rest. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function words(read: () => unknown, budget: Budget): string {
  return attempt(() => String(read()))?.slice(0, budget.text) ?? ''
}

function define(error: Error, key: string, value: unknown, enumerable: boolean): void {
  if (key === '__proto__') return
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}

function isRemote(value: unknown): value is RemoteActorError {
  return attempt(() => value instanceof RemoteActorError && isActorRef(value.origin) && isPath(value.path)) === true
}

function isActorRef(value: unknown): value is ActorRef {
  if (typeof value !== 'object' || value === null) return false
  const { name, id } = value as Partial<ActorRef>
  return typeof name === 'string' && typeof id === 'string'
}

function isPath(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}

function record(wire: unknown): Record<string, unknown> {
  if (typeof wire === 'object' && wire !== null && !Array.isArray(wire)) return wire as Record<string, unknown>
  throw new ProtocolError('an encoded error has the wrong shape')
}

function text(wire: unknown): string {
  if (typeof wire === 'string') return wire.slice(0, MAX_ERROR_TEXT)
  throw new ProtocolError('an encoded error has the wrong shape')
}
