import { AssertionError } from 'node:assert'
import {
  ActorDied,
  ActorTooSlow,
  BootFailed,
  Cancelled,
  DeadlineExceeded,
  GreenroomError,
  InvalidArgument,
  LimitExceeded,
  NotExposed,
  ProtocolError,
  RemoteActorError,
  TooManyRestarts,
} from './errors.ts'

/** A class whose instances come back from other actors as themselves. */
export type ErrorClass = abstract new (...args: never[]) => Error

/** At most this many classes may be registered: names arrive from peers, the table must not grow with them. */
export const MAX_ERROR_CLASSES = 1_000

const BUILT_IN: readonly ErrorClass[] = [
  Error,
  AggregateError,
  AssertionError,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  GreenroomError,
  Cancelled,
  DeadlineExceeded,
  RemoteActorError,
  ActorDied,
  NotExposed,
  ActorTooSlow,
  BootFailed,
  TooManyRestarts,
  ProtocolError,
  LimitExceeded,
  InvalidArgument,
]

const classes = new Map<string, ErrorClass>(BUILT_IN.map((Class) => [Class.name, Class]))

/**
 * Lets errors of a class come back from other actors as instances of that class.
 *
 * The class is known by its name, so both actors register it (usually at the top of the module that defines it). An
 * instance is rebuilt without running the constructor: own properties are restored as they were sent.
 *
 * @param Class an Error subclass with a name of its own; at most {@link MAX_ERROR_CLASSES} classes
 * @throws InvalidArgument when the class has no name, is no Error, or another class has its name already
 * @example
 * ```ts
 * class SoldOut extends Error {
 *   seats = 0
 * }
 * registerError(SoldOut)
 * ```
 */
export function registerError(Class: ErrorClass): void {
  if (typeof Class !== 'function' || !(Class.prototype instanceof Error))
    throw new InvalidArgument('registerError takes a class that extends Error')
  if (Class.name === '') throw new InvalidArgument('registerError takes a class with a name, this one has none')
  const known = classes.get(Class.name)
  if (known === Class) return
  if (known !== undefined)
    throw new InvalidArgument(`another error class is named ${Class.name}: give one of the two another name`)
  if (classes.size >= MAX_ERROR_CLASSES + BUILT_IN.length)
    throw new InvalidArgument(`more than ${MAX_ERROR_CLASSES} error classes are registered`)
  classes.set(Class.name, Class)
}

/** The class registered under a name, if any; names come from peers, so this is a look-up and never an evaluation. */
export function errorClass(name: string): ErrorClass | undefined {
  return classes.get(name)
}
