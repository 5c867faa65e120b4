import { inspect, types } from 'node:util'
import { InvalidArgument, NotExposed } from '../node/errors.ts'
import { packagePath } from './package-path.ts'

// Parameters of a function type are contravariant: only `never[]` or `any[]` accept every function.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyFunction = (...args: any[]) => unknown

/** How a function answers: one value, or a stream of values (`async function*`). */
export type FunctionKind = 'value' | 'stream'

export interface ExposedFunction {
  /** `namespace#name`, what travels on the wire. */
  readonly id: string
  readonly kind: FunctionKind
  readonly namespace: string
  readonly module: ExposedModule
  readonly call: AnyFunction
}

/** What {@link expose} gives: names a module for `startActor({ modules })`. */
export interface ExposedModule {
  readonly namespace: string
  /** URL of the module; an actor on this host imports it from here. */
  readonly url: string
}

/** Namespace of what every actor answers to members beside its allow-list. */
export const BUILTIN_NAMESPACE = 'greenroom'
/** Characters of `namespace#name`. */
export const MAX_FUNCTION_ID = 512

const byFunction = new WeakMap<AnyFunction, ExposedFunction>()
const byId = new Map<string, ExposedFunction>()
const byNamespace = new Map<string, { module: ExposedModule; functions: Map<string, ExposedFunction> }>()

/**
 * Makes functions of this module callable by other actors, as `namespace#name`.
 *
 * They are callable in the actors that were given the module, and in no others. Callers import the same function and
 * pass it to `portal.run`: there are no proxies, and its type is the call's type. An `async function*` is a stream.
 *
 * @param meta the module's own `import.meta`
 * @param functions the functions by name
 * @param namespace default: the package's name and the module's path in it, without extension
 * @throws InvalidArgument when something is no function or another module has the namespace
 * @example
 * ```ts
 * export async function hi(): Promise<string> {
 *   return `Hi my name is ${currentActor().name}`
 * }
 * expose(import.meta, { hi }, 'film')
 * ```
 */
export function expose(
  meta: { readonly url: string },
  functions: Readonly<Record<string, AnyFunction>>,
  namespace: string = defaultNamespace(meta.url),
): ExposedModule {
  if (namespace === '' || namespace.includes('#'))
    throw new InvalidArgument(`namespace '${namespace}' is empty or has a '#' in it`)
  if (namespace === BUILTIN_NAMESPACE)
    throw new InvalidArgument(`namespace '${namespace}' is that of what every actor answers: choose another one`)
  const known = byNamespace.get(namespace)
  if (known !== undefined && withoutQuery(known.module.url) !== withoutQuery(meta.url))
    throw new InvalidArgument(
      `${meta.url} and ${known.module.url} both expose '${namespace}': give one of them a namespace of its own`,
    )
  const module = known?.module ?? { namespace, url: meta.url }
  const exposed = known?.functions ?? new Map<string, ExposedFunction>()
  for (const [name, call] of Object.entries(functions)) {
    if (typeof call !== 'function') throw new InvalidArgument(`'${name}' exposed by ${meta.url} is not a function`)
    if (name === '' || name.includes('#'))
      throw new InvalidArgument(`'${name}' exposed by ${meta.url} is empty or has a '#' in it`)
    const id = `${namespace}#${name}`
    if (id.length > MAX_FUNCTION_ID)
      throw new InvalidArgument(`'${id.slice(0, 64)}…' has more than ${MAX_FUNCTION_ID} characters`)
    const kind = types.isGeneratorFunction(call) && types.isAsyncFunction(call) ? 'stream' : 'value'
    const entry: ExposedFunction = { id, kind, namespace, module, call }
    exposed.set(name, entry)
    byFunction.set(call, entry)
    byId.set(id, entry)
  }
  byNamespace.set(namespace, { module, functions: exposed })
  return module
}

/**
 * @throws NotExposed when nobody exposed the function in this process
 * @throws InvalidArgument when it is no function
 */
export function exposedFunction(call: AnyFunction): ExposedFunction {
  if (typeof call !== 'function')
    throw new InvalidArgument(`a call takes the function itself, got ${inspect(call, { depth: 0 })}`)
  const entry = byFunction.get(call)
  if (entry !== undefined) return entry
  const { name } = call
  if (name === '') throw new NotExposed('', 'an anonymous function is not exposed: give it a name and expose it')
  throw new NotExposed(name, `${name} is not exposed: call expose(import.meta, { ${name} }) in its module`)
}

/** @throws InvalidArgument when something is not what {@link expose} gives */
export function checkModules(modules: readonly ExposedModule[]): void {
  const isModule = (module: unknown): boolean =>
    typeof module === 'object' && module !== null && 'namespace' in module && 'url' in module
  if (!Array.isArray(modules) || !modules.every(isModule))
    throw new InvalidArgument(
      `modules is a list of what expose(import.meta, …) gives, got ${inspect(modules, { depth: 1, breakLength: Infinity })}`,
    )
}

/** The function that is exposed as `namespace#name`, if a module of this process does so. */
export function exposedAs(id: string): ExposedFunction | undefined {
  return byId.get(id)
}

/** The functions of a namespace by name, if a module of this process exposes it. */
export function exposedNamespace(namespace: string): ReadonlyMap<string, ExposedFunction> | undefined {
  return byNamespace.get(namespace)?.functions
}

/** The namespaces that the module at a URL exposes in this process. */
export function namespacesAt(url: string): string[] {
  const wanted = withoutQuery(url)
  return [...byNamespace]
    .filter(([, { module }]) => withoutQuery(module.url) === wanted)
    .map(([namespace]) => namespace)
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '')
}

function defaultNamespace(url: string): string {
  if (!url.startsWith('file:'))
    throw new InvalidArgument(`${url} is no file: give expose() a namespace as its third argument`)
  try {
    const { name, path } = packagePath(url)
    return `${name ?? 'main'}/${path.replace(/\.[cm]?[jt]sx?$/, '')}`
  } catch (cause) {
    throw new InvalidArgument(`${(cause as Error).message}: give expose() a namespace as its third argument`, { cause })
  }
}

/** @throws InvalidArgument when a name for tools is not `namespace#name` */
export function checkFunctionId(id: string): void {
  if (!/^[^#]+#[^#]+$/.test(id)) throw new InvalidArgument(`'${id}' names no function: write 'namespace#name'`)
}
