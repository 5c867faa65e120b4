import { AsyncLocalStorage } from 'node:async_hooks'
import { Cancelled } from './errors.ts'
import { tracing } from './tracing.ts'

const ambient = new AsyncLocalStorage<CancelScope | undefined>()
let processScope: CancelScope | undefined
let actorName = 'this process'
/** The scopes of actors that share this process, and those beside them: in tests alone. */
const tenants = new WeakMap<CancelScope, Tenant>()
let isShared = false
/** Whose cancel is being told right now. */
let telling: CancelListener | undefined

/** One of several actors of a process. */
export interface Tenant {
  readonly name: string
}

/**
 * What hears of a scope's cancel, once. It is linked into the scope's list itself, so that work that comes and goes by
 * the hundred thousand a second allocates no closure, no set entry and no signal for it.
 *
 * Linking and unlinking are by hand because `AbortSignal.any` with a listener that nobody removes leaks
 * (nodejs/node#54614).
 */
export abstract class CancelListener {
  #scope: CancelListener | undefined
  #before: CancelListener | undefined
  #after: CancelListener | undefined
  /** Of those that listen to this one, when it is a scope. */
  #first: CancelListener | undefined
  #last: CancelListener | undefined

  protected abstract onCancelled(reason: Cancelled): void

  /** Stops listening; nothing happens when it does not listen. */
  unlink(): void {
    const scope = this.#scope
    if (scope === undefined) return
    if (this.#before === undefined) scope.#first = this.#after
    else this.#before.#after = this.#after
    if (this.#after === undefined) scope.#last = this.#before
    else this.#after.#before = this.#before
    this.#scope = this.#before = this.#after = undefined
  }

  /** Makes another one hear of the cancel of this one; it must not listen to anything yet. */
  protected adopt(listener: CancelListener): void {
    listener.#scope = this
    listener.#before = this.#last
    if (this.#last === undefined) this.#first = listener
    else this.#last.#after = listener
    this.#last = listener
  }

  /**
   * Tells all that listen, in the order in which they came, those of a scope before the next one. A scope that hears of
   * it hands its own listeners over instead of telling them: no depth of scopes uses up the stack.
   */
  protected tell(reason: Cancelled): void {
    const outer = tellFor(this)
    try {
      for (let listener = this.#first; listener !== undefined; listener = this.#first) {
        listener.unlink()
        listener.onCancelled(reason)
      }
    } finally {
      tellFor(outer)
    }
  }

  /** Puts those that listen before all that are still to be told, when somebody tells. */
  protected handOver(): void {
    for (let listener = this.#last; listener !== undefined; listener = this.#last) {
      listener.unlink()
      telling?.adoptFirst(listener)
    }
  }

  protected adoptFirst(listener: CancelListener): void {
    listener.#scope = this
    listener.#after = this.#first
    if (this.#first === undefined) this.#last = listener
    else this.#first.#before = listener
    this.#first = listener
  }

  protected inform(listener: CancelListener, reason: Cancelled): void {
    listener.onCancelled(reason)
  }

  /** Lets all go that listen. */
  protected release(): void {
    while (this.#first !== undefined) this.#first.unlink()
  }
}

/** Whoever is told next is told by this one; gives who told before. */
function tellFor(teller: CancelListener | undefined): CancelListener | undefined {
  const before = telling
  telling = teller
  return before
}

/** A function as a listener. */
class CancelCallback extends CancelListener {
  readonly #callback: (reason: Cancelled) => void

  constructor(callback: (reason: Cancelled) => void) {
    super()
    this.#callback = callback
  }

  protected override onCancelled(reason: Cancelled): void {
    this.#callback(reason)
  }
}

/** A call of another actor that something runs in. */
export interface CallRef {
  /** The end of the caller's peer id, and the number that the caller has given the call. */
  readonly id: string
  readonly functionId: string
}

/**
 * A node in the tree of work that is cancelled together.
 *
 * Cancelling a scope cancels everything below it with the same reason *instance*: whoever absorbs a cancel recognises
 * its own by identity, as in Trio's cancel scopes.
 */
export class CancelScope extends CancelListener {
  #reason: Cancelled | undefined
  #own: Cancelled | undefined
  #controller: AbortController | undefined
  #deadline = Number.POSITIVE_INFINITY
  #ackMs: number | undefined
  readonly #parent: CancelScope | undefined

  constructor(parent?: CancelScope) {
    super()
    this.#parent = parent
    parent?.link(this)
  }

  /** A scope that hears no cancel of another one, and belongs to the same actor. */
  static beside(scope: CancelScope): CancelScope {
    const own = new CancelScope()
    const tenant = tenantOf(scope)
    if (tenant !== undefined) tenants.set(own, tenant)
    return own
  }

  /** The topmost scope above this one: for most code its actor's. */
  get top(): CancelScope {
    let top = this.#parent
    while (top !== undefined && top.#parent !== undefined) top = top.#parent
    return top ?? this
  }

  /** Whether this scope or one above it was cancelled. */
  get cancelled(): boolean {
    return this.#reason !== undefined
  }

  /** Why work in this scope has to stop, if it has to. */
  get reason(): Cancelled | undefined {
    return this.#reason
  }

  /** The reason when the cancel was made on this very scope rather than above it. */
  get ownReason(): Cancelled | undefined {
    return this.#own
  }

  /** An `AbortSignal` view for `fetch`, timers and other libraries, made at first use. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** The nearest deadline of this scope and those above it, on the clock of its process, or `Infinity`. */
  get deadline(): number {
    let nearest = this.#deadline
    for (let above = this.#parent; above !== undefined; above = above.#parent)
      if (above.#deadline < nearest) nearest = above.#deadline
    return nearest
  }

  set deadline(at: number) {
    this.#deadline = at
  }

  /**
   * Milliseconds that cancelled calls made in this scope or below wait for the remote task to end; `undefined` for the
   * calls' own bound.
   */
  get ackMs(): number | undefined {
    return this.#ackMs ?? this.#parent?.ackMs
  }

  set ackMs(ms: number) {
    this.#ackMs = ms
  }

  /** The nearest call that it runs in, if there is one. */
  get call(): CallRef | undefined {
    return this.#parent?.call
  }

  /** Cancels this scope and everything below it; later calls change nothing. */
  cancel(why: string | Cancelled = 'the scope was cancelled'): void {
    if (this.#reason !== undefined) return
    this.#own = typeof why === 'string' ? new Cancelled(tenantOf(this)?.name ?? actorName, why) : why
    this.#hear(this.#own)
    this.tell(this.#own)
  }

  /** Lets something hear of the cancel, at once if it has happened already. */
  link(listener: CancelListener): void {
    if (this.#reason === undefined) this.adopt(listener)
    else this.inform(listener, this.#reason)
  }

  /** Calls back once at the cancel, at once if it has happened already; the returned function unlinks. */
  onCancel(callback: (reason: Cancelled) => void): () => void {
    if (this.#reason !== undefined) {
      callback(this.#reason)
      return nothing
    }
    const listener = new CancelCallback(callback)
    this.adopt(listener)
    return () => listener.unlink()
  }

  /** @throws Cancelled the reason, when work in this scope has to stop */
  throwIfCancelled(): void {
    if (this.#reason !== undefined) throw this.#reason
  }

  /** Runs a function with this scope as the ambient one of everything it starts. */
  run<T, Args extends unknown[]>(body: (...args: Args) => T, ...args: Args): T {
    return ambient.run(this, body, ...args)
  }

  /** Unlinks the scope from its parent; a closed scope hears of no further cancels from above. */
  close(): void {
    this.unlink()
    this.release()
  }

  protected override onCancelled(reason: Cancelled): void {
    if (this.#reason !== undefined) return
    this.#hear(reason)
    this.handOver()
  }

  #hear(reason: Cancelled): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}

const unbounded = new CancelScope()

/** The scope that the calling code runs in: the nearest one above it, else the actor's, else one that never ends. */
export function currentScope(): CancelScope {
  return ambient.getStore() ?? processScope ?? unbounded
}

/**
 * The `AbortSignal` of the scope that the calling code runs in, for `fetch` and other libraries.
 *
 * @example
 * ```ts
 * await moveOnAfter(1_000, () => fetch(url, { signal: currentSignal() }))
 * ```
 */
export function currentSignal(): AbortSignal {
  return currentScope().signal
}

/** Makes a scope the one of all code of this process that runs in no other; gives the function that undoes it. */
export function setProcessScope(scope: CancelScope, name: string): () => void {
  const before = { processScope, actorName }
  processScope = scope
  actorName = name
  return () => {
    processScope = before.processScope
    actorName = before.actorName
  }
}

/**
 * Makes a scope that of an actor which shares its process with others: code that runs in the scope, or below, is that actor's.
 * Where an actor is a process, as everywhere but in tests, looking for one costs nothing.
 */
export function shareProcess(scope: CancelScope, name: string): void {
  isShared = true
  tenants.set(scope, { name })
}

/** The actor that a scope belongs to, when it shares its process. @param scope default that of the calling code */
export function tenantOf(scope?: CancelScope): Tenant | undefined {
  return isShared ? tenants.get((scope ?? currentScope()).top) : undefined
}

/**
 * Runs a function, and everything it starts, in no scope and no trace: for what outlives its first user, as a
 * connection does. A socket's events run in the context that it was opened in.
 */
export function outsideScopes<T>(body: () => T): T {
  const traced = tracing
  return ambient.run(undefined, traced === undefined ? body : () => traced.outside(body))
}

/**
 * Whether an error is nothing but the echo of a cancel: the reason itself, or an `AbortError` caused by it. Never throws
 * itself: anything can be thrown, also what throws when it is looked at.
 */
export function isEcho(error: unknown, reason: Cancelled | undefined): boolean {
  if (reason === undefined || error === undefined || error === null) return false
  if (error === reason) return true
  try {
    if (!(error instanceof Error)) return false
    if (error instanceof AggregateError)
      return (
        Array.isArray(error.errors) && error.errors.length > 0 && error.errors.every((inner) => isEcho(inner, reason))
      )
    return error.name === 'AbortError' && error.cause === reason
  } catch {
    return false
  }
}

/** Whether what nobody awaited was cut short by some cancel: a promise that was given up, say. That is no failure. */
export function isStrayEcho(error: unknown): boolean {
  const cause = error instanceof Error && error.name === 'AbortError' ? error.cause : error
  return cause instanceof Cancelled
}

/** Notes on a cancel what it cut short; the innermost wait, which hears of it first, has the word. */
export function noteInterrupted(error: unknown, what: string): void {
  if (error instanceof Cancelled) error.during ??= what
}

/** Settles like the promise, or rejects with the reason as soon as the scope is cancelled. */
export function untilCancelled<T>(scope: CancelScope, promise: PromiseLike<T>): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>()
  const unlink = scope.onCancel(reject)
  promise.then(resolve, reject)
  return result.finally(unlink)
}

function nothing(): void {}
