import { AsyncLocalStorage } from 'node:async_hooks'
import { CancelCallback, CancelListener } from './cancel-listener.ts'
import { Cancelled } from './errors.ts'
import { tracing } from './tracing.ts'

const ambient = new AsyncLocalStorage<CancelScope | undefined>()
let processScope: CancelScope | undefined
let actorName = 'this process'
/** The scopes of actors that share this process, and those beside them: in tests alone. */
const tenants = new WeakMap<CancelScope, Tenant>()
let isShared = false

/** One of several actors of a process. */
export interface Tenant {
  readonly name: string
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

/** Settles like the promise, or rejects with the reason as soon as the scope is cancelled. */
export function untilCancelled<T>(scope: CancelScope, promise: PromiseLike<T>): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>()
  const unlink = scope.onCancel(reject)
  promise.then(resolve, reject)
  return result.finally(unlink)
}

function nothing(): void {}
