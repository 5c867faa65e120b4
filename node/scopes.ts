import { inspect } from 'node:util'
import { CancelScope, currentScope } from './cancel-scope.ts'
import { isEcho, noteInterrupted } from './echoes.ts'
import { now, startTimer, stopTimer } from './clock.ts'
import { DeadlineExceeded, InvalidArgument } from './errors.ts'
import { beginWait, endWait } from './waits.ts'

/** Timers of the platform wrap around above this: about 24.8 days. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** How the body of a scope ended: `cancelled` is true when the scope's own cancel ended it and `value` is missing. */
export type ScopeResult<T> = { cancelled: false; value: T } | { cancelled: true; value: undefined }

/** What the body of {@link cancelScope} gets to steer its own scope. */
export type CancelScopeHandle = Pick<CancelScope, 'cancel' | 'cancelled' | 'signal'>

/**
 * Runs a function in a scope of its own that it, or anyone it hands the scope to, can cancel.
 *
 * Waits for the body to end, whatever happens: cancelling asks, it does not abandon. Sleeps, calls, streams and waits
 * of greenroom are cancel points; other code takes `currentSignal()`.
 *
 * @example
 * ```ts
 * const { cancelled } = await cancelScope(async (scope) => {
 *   setTimeout(() => scope.cancel('enough'), 100)
 *   await sleep(10_000)
 * })
 * ```
 */
export async function cancelScope<T>(body: (scope: CancelScopeHandle) => T | Promise<T>): Promise<ScopeResult<T>> {
  checkBody('cancelScope', body)
  const scope = new CancelScope(currentScope())
  try {
    return { cancelled: false, value: await scope.run(async () => await body(scope)) }
  } catch (error) {
    if (isEcho(error, scope.ownReason)) return { cancelled: true, value: undefined }
    throw error
  } finally {
    scope.close()
  }
}

/**
 * Runs a function for at most a time, then cancels it and goes on.
 *
 * @param ms milliseconds, 0 to {@link MAX_TIMEOUT_MS}; a nearer deadline of an enclosing scope wins
 * @throws whatever the body throws, except the echo of this scope's own deadline
 * @example
 * ```ts
 * const { cancelled, value } = await moveOnAfter(1_000, () => portal.run(slow))
 * ```
 */
export async function moveOnAfter<T>(ms: number, body: () => T | Promise<T>): Promise<ScopeResult<T>> {
  checkMs('moveOnAfter', ms)
  checkBody('moveOnAfter', body)
  return await withDeadline(ms, body)
}

/**
 * Runs a function for at most a time, then cancels it and throws.
 *
 * @param ms milliseconds, 0 to {@link MAX_TIMEOUT_MS}; a nearer deadline of an enclosing scope wins
 * @throws DeadlineExceeded when the time ran out before the body ended
 * @example
 * ```ts
 * const portal = await failAfter(5_000, () => waitForActor('gretchen'))
 * ```
 */
export async function failAfter<T>(ms: number, body: () => T | Promise<T>): Promise<T> {
  checkMs('failAfter', ms)
  checkBody('failAfter', body)
  let scope: CancelScope | undefined
  const result = await withDeadline(ms, () => {
    scope = currentScope()
    return body()
  })
  if (result.cancelled) throw new DeadlineExceeded(ms, scope?.ownReason?.during)
  return result.value
}

/**
 * Runs a function that cancels from outside reach only after a time: for clean-up that must finish.
 *
 * A cancel that arrives while the shield holds is kept and delivered when its time is over.
 *
 * @param ms milliseconds, 0 to {@link MAX_TIMEOUT_MS}, counted from the start of the body
 * @example
 * ```ts
 * try {
 *   await sleep(60_000)
 * } finally {
 *   await shield(500, () => portal.run(goodbye))
 * }
 * ```
 */
export async function shield<T>(ms: number, body: () => T | Promise<T>): Promise<T> {
  checkMs('shield', ms)
  checkBody('shield', body)
  const outer = currentScope()
  const scope = CancelScope.beside(outer)
  let unlink: (() => void) | undefined
  const timer = startTimer(ms, () => {
    unlink = outer.onCancel((reason) => scope.cancel(reason))
  })
  try {
    return await scope.run(async () => await body())
  } finally {
    stopTimer(timer)
    unlink?.()
    scope.close()
  }
}

/**
 * Waits; a cancel point.
 *
 * @param ms milliseconds, 0 to {@link MAX_TIMEOUT_MS}
 * @throws Cancelled as soon as the current scope is cancelled
 * @example
 * ```ts
 * await sleep(10)
 * ```
 */
export async function sleep(ms: number): Promise<void> {
  checkMs('sleep', ms)
  const scope = currentScope()
  scope.throwIfCancelled()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = startTimer(ms, resolve)
  const unlink = scope.onCancel(reject)
  const wait = beginWait(`sleeping for ${ms} ms`)
  try {
    await promise
  } catch (error) {
    noteInterrupted(error, wait.what)
    throw error
  } finally {
    endWait(wait)
    stopTimer(timer)
    unlink()
  }
}

async function withDeadline<T>(ms: number, body: () => T | Promise<T>): Promise<ScopeResult<T>> {
  return await cancelScope(async () => {
    const scope = currentScope()
    scope.deadline = now() + ms
    const timer = startTimer(ms, () => scope.cancel(`its ${ms} ms were over`))
    try {
      return await body()
    } finally {
      stopTimer(timer)
    }
  })
}

function checkMs(verb: string, ms: number): void {
  if (!(typeof ms === 'number' && ms >= 0 && ms <= MAX_TIMEOUT_MS))
    throw new InvalidArgument(`${verb} takes milliseconds from 0 to ${MAX_TIMEOUT_MS}, got ${inspect(ms)}`)
}

/** Refuses, in the name of a verb, a body that is no function. */
export function checkBody(verb: string, body: unknown): void {
  if (typeof body !== 'function')
    throw new InvalidArgument(`${verb} takes a function as its body, got ${inspect(body)}`)
}
