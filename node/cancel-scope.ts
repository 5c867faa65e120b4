import { AsyncLocalStorage } from 'node:async_hooks'
import { Cancelled } from './errors.ts'

const ambient = new AsyncLocalStorage<CancelScope | undefined>()
let processScope: CancelScope | undefined
let actorName = 'this process'

/**
 * A node in the tree of work that is cancelled together.
 *
 * Cancelling a scope cancels everything below it with the same reason *instance*: whoever absorbs a cancel recognises
 * its own by identity, as in Trio's cancel scopes. Children are linked and unlinked by hand because
 * `AbortSignal.any` with a listener that nobody removes leaks (nodejs/node#54614).
 */
export class CancelScope {
  readonly #listeners = new Set<(reason: Cancelled) => void>()
  readonly #unlink: (() => void) | undefined
  #reason: Cancelled | undefined
  #own: Cancelled | undefined
  #controller: AbortController | undefined
  #deadline = Number.POSITIVE_INFINITY
  #ackMs: number | undefined
  readonly #parent: CancelScope | undefined

  constructor(parent?: CancelScope) {
    this.#parent = parent
    this.#unlink = parent?.onCancel((reason) => this.#cancelWith(reason))
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

  /** The nearest deadline of this scope and those above it, on the clock of `performance.now()`, or `Infinity`. */
  get deadline(): number {
    return Math.min(this.#deadline, this.#parent?.deadline ?? Number.POSITIVE_INFINITY)
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

  /** Cancels this scope and everything below it; later calls change nothing. */
  cancel(why: string | Cancelled = 'the scope was cancelled'): void {
    if (this.#reason !== undefined) return
    this.#own = typeof why === 'string' ? new Cancelled(actorName, why) : why
    this.#cancelWith(this.#own)
  }

  /** Calls back once at the cancel, at once if it has happened already; the returned function unlinks. */
  onCancel(listener: (reason: Cancelled) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason)
      return nothing
    }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws Cancelled the reason, when work in this scope has to stop */
  throwIfCancelled(): void {
    if (this.#reason !== undefined) throw this.#reason
  }

  /** Runs a function with this scope as the ambient one of everything it starts. */
  run<T>(body: () => T): T {
    return ambient.run(this, body)
  }

  /** Unlinks the scope from its parent; a closed scope hears of no further cancels from above. */
  close(): void {
    this.#unlink?.()
    this.#listeners.clear()
  }

  #cancelWith(reason: Cancelled): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const listener of listeners) listener(reason)
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
 * Runs a function, and everything it starts, in no scope: for what outlives its first user, as a connection does. A
 * socket's events run in the context that it was opened in.
 */
export function outsideScopes<T>(body: () => T): T {
  return ambient.run(undefined, body)
}

/** Whether an error is nothing but the echo of a cancel: the reason itself, or an `AbortError` caused by it. */
export function isEcho(error: unknown, reason: Cancelled | undefined): boolean {
  if (reason === undefined || error === undefined || error === null) return false
  if (error === reason) return true
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError)
    return (
      Array.isArray(error.errors) && error.errors.length > 0 && error.errors.every((inner) => isEcho(inner, reason))
    )
  return error.name === 'AbortError' && error.cause === reason
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
