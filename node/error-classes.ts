import * as greenroom from './errors.ts'

const { InvalidArgument } = greenroom

/** A class whose instances come back from other actors as themselves. */
export type ErrorClass = abstract new (...args: never[]) => Error

/**
 * At most this many classes, copies included, may be registered in a process: names arrive from peers, the table must
 * not grow with them.
 */
export const MAX_ERROR_CLASSES = 1_000
/** Characters of a class's id. */
export const MAX_CLASS_ID = 256
/** What the ids of greenroom's own classes begin with: nobody else's class of such a name is taken for one of them. */
const OWN = 'greenroom/'

/** The platform's classes; `SuppressedError` is younger than the oldest Node that greenroom runs on. */
const BUILT_IN = new Map<string, ErrorClass>(
  [
    Error,
    AggregateError,
    DOMException,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
    ...(typeof SuppressedError === 'undefined' ? [] : [SuppressedError]),
  ].map((Class) => [Class.name, Class]),
)

/** The platform's class that is loaded when an error asks for it: `node:assert` would add three megabytes to an actor. */
const ASSERTION = 'AssertionError'

function builtIn(id: string): ErrorClass | undefined {
  if (id === ASSERTION && !BUILT_IN.has(ASSERTION)) {
    const { AssertionError } = process.getBuiltinModule('node:assert')
    BUILT_IN.set(ASSERTION, AssertionError)
    ids.set(AssertionError.prototype, ASSERTION)
  }
  return BUILT_IN.get(id)
}

/** What all copies of greenroom in a process know of classes; the version is that of this shape. */
interface Registry {
  /** The copies of each class. */
  readonly copies: Map<string, ErrorClass[]>
  /** The id of a class by its prototype. */
  readonly ids: WeakMap<object, string>
}
const KEY = Symbol.for('greenroom/error-classes/1')
const { copies, ids } = ((globalThis as { [KEY]?: Registry })[KEY] ??= { copies: new Map(), ids: new WeakMap() })

for (const [name, Class] of BUILT_IN) ids.set(Class.prototype as object, name)
const OWN_CLASSES = new Map<string, ErrorClass>(
  // By the names that they are exported under: a bundler may give them others.
  Object.entries(greenroom).flatMap(([name, value]) => (isErrorClass(value) ? [[OWN + name, value]] : [])),
)
for (const [id, Class] of OWN_CLASSES) add(Class, id)

/**
 * Lets errors of a class come back from other actors as instances of that class.
 *
 * The class is known by its id, so both actors register it (usually at the top of the module that defines it). An
 * instance is rebuilt without running the constructor: own properties are restored as they were sent.
 *
 * A module that a process has loaded twice has two copies of its classes. Classes that are registered with one explicit
 * id are copies of one class; without one, so are those of the same name, ancestors and source text. `instanceof` then
 * holds for the errors of each copy in the code of every other.
 *
 * @param Class an Error subclass; at most 1,000 of them, copies included
 * @param id what tells it from other classes, 1 to 256 characters, as in `shop/SoldOut`; default its name
 * @throws InvalidArgument when the class is no Error, has neither id nor name, or another class has its id already
 * @example
 * ```ts
 * class SoldOut extends Error {
 *   seats = 0
 * }
 * registerError(SoldOut)
 * ```
 */
export function registerError(Class: ErrorClass, id?: string): void {
  if (!isErrorClass(Class) || Class === Error)
    throw new InvalidArgument('registerError takes a class that extends Error')
  const registered = ids.get(Class.prototype as object)
  if (registered !== undefined && (id === undefined || id === registered)) return
  if (registered !== undefined)
    throw new InvalidArgument(`${Class.name} cannot be registered as '${id}': it is known as '${registered}' already`)
  const wanted = id ?? Class.name
  if (wanted === '') throw new InvalidArgument('registerError takes a class with a name, this one has none: give an id')
  if (typeof wanted !== 'string' || wanted.length > MAX_CLASS_ID)
    throw new InvalidArgument(`the id of an error class is text of 1 to ${MAX_CLASS_ID} characters`)
  if (builtIn(wanted) !== undefined || wanted.startsWith(OWN))
    throw new InvalidArgument(`'${wanted}' is an error class of the platform or of greenroom: give another id`)
  const known = copies.get(wanted) ?? []
  if (id === undefined && known.some((other) => !isCopy(other, Class)))
    throw new InvalidArgument(
      `another error class is named ${wanted}: give registerError an id for each of the two, ` +
        'or one id for both if they are copies of one class',
    )
  if (registeredClasses() >= MAX_ERROR_CLASSES)
    throw new InvalidArgument(`more than ${MAX_ERROR_CLASSES} error classes are registered`)
  add(Class, wanted)
}

/** The class of an id, if any; ids come from peers, so this is a look-up and never an evaluation. */
export function errorClass(id: string): ErrorClass | undefined {
  return builtIn(id) ?? OWN_CLASSES.get(id) ?? copies.get(id)?.[0]
}

/** What a class is known by in other actors: its id, or its bare name when it has none, if that is not another's. */
export function classId(prototype: object): string | undefined {
  const id = ids.get(prototype)
  if (id !== undefined) return id
  const Class: unknown = prototype.constructor
  if (typeof Class !== 'function' || typeof Class.name !== 'string' || Class.name === '') return undefined
  // A built-in of another realm is the one of this realm; any other class of such a name is not.
  if (builtIn(Class.name) !== undefined) return ids.get(prototype) ?? (isNative(Class) ? Class.name : undefined)
  return Class.name.startsWith(OWN) || Class.name.length > MAX_CLASS_ID ? undefined : Class.name
}

function add(Class: ErrorClass, id: string): void {
  const all = copies.get(id) ?? []
  copies.set(id, [...all, Class])
  ids.set(Class.prototype as object, id)
  // A class without copies is left as it is.
  if (all.length > 0) for (const copy of [...all, Class]) recogniseCopies(copy)
}

/** Lets `instanceof` hold for instances of every copy; a class that has its own idea of instances keeps it. */
function recogniseCopies(Class: ErrorClass): void {
  if (Object.hasOwn(Class, Symbol.hasInstance) || !Object.isExtensible(Class)) return
  Object.defineProperty(Class, Symbol.hasInstance, { value: isInstance, configurable: true, writable: true })
}

/** Inherited by subclasses, which have no id of their own: for them it is what `instanceof` is without it. */
function isInstance(this: ErrorClass, value: unknown): boolean {
  if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
  const id = ids.get(this.prototype as object)
  if (id === undefined || typeof value !== 'object' || value === null) return false
  for (let above = Object.getPrototypeOf(value); above !== null; above = Object.getPrototypeOf(above))
    if (ids.get(above) === id) return true
  return false
}

function isCopy(one: ErrorClass, other: ErrorClass): boolean {
  return sourceOf(one) === sourceOf(other) && ancestry(one) === ancestry(other)
}

/** Without what differs between a source whose types were blanked out and the JavaScript that was built of it. */
const sourceOf = (Class: Function): string => Function.prototype.toString.call(Class).replaceAll(/[\s;]+/g, '')

function ancestry(Class: ErrorClass): string {
  const names: string[] = []
  for (let above = Object.getPrototypeOf(Class.prototype); above instanceof Error; above = Object.getPrototypeOf(above))
    names.push(classId(above) ?? '')
  return JSON.stringify(names)
}

function registeredClasses(): number {
  let count = 0
  for (const [id, all] of copies) if (!id.startsWith(OWN)) count += all.length
  return count
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === 'function' && (value === Error || value.prototype instanceof Error)
}

const isNative = (Class: Function): boolean => Function.prototype.toString.call(Class).includes('[native code]')
