import { type CancelScope, currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { LimitExceeded } from '../node/errors.ts'

/** Changes that may wait for a watcher; one that lags further behind is told so. */
export const MAX_WAITING_CHANGES = 10_000

/** What a source gives to one who watches it. */
export interface Subscribed<T> {
  /** What there is already; comes first, and does not count as waiting. */
  readonly present?: readonly T[]
  readonly unsubscribe: () => void
}

/**
 * Iterates over what a source pushes; a cancel point. Ends only when its consumer leaves, the source fails, or a scope is
 * cancelled: the one that the consumer waits in, or that of the source.
 *
 * @param life the scope of the source
 * @param subscribe called at the first `next()`; what it pushes or fails with comes after what is present
 * @throws LimitExceeded when the consumer lags more than {@link MAX_WAITING_CHANGES} changes behind: nothing is
 * skipped silently
 */
export function changesOf<T>(
  life: CancelScope,
  subscribe: (push: (change: T) => void, fail: (error: unknown) => void) => Subscribed<T>,
): AsyncGenerator<T, never> {
  let wake: (() => void) | undefined
  let left = false
  async function* iterate(): AsyncGenerator<T, void> {
    let waiting: T[] = []
    let end: { readonly error: unknown } | undefined
    const fail = (error: unknown): void => {
      end ??= { error }
      wake?.()
    }
    const push = (change: T): void => {
      if (end !== undefined) return
      if (waiting.length >= MAX_WAITING_CHANGES) fail(lagged())
      else waiting.push(change)
      wake?.()
    }
    const { present = [], unsubscribe } = subscribe(push, fail)
    try {
      yield* present
      for (;;) {
        if (left) return
        const scope = currentScope()
        scope.throwIfCancelled()
        const batch = waiting
        waiting = []
        yield* batch
        if (left) return
        if (waiting.length > 0) continue
        if (end !== undefined) throw end.error
        const change = Promise.withResolvers<void>()
        wake = change.resolve
        const unlink = scope.onCancel(change.reject)
        await untilCancelled(life, change.promise).finally(unlink)
      }
    } finally {
      unsubscribe()
    }
  }
  const changes = iterate()
  const leave = changes.return.bind(changes)
  // A generator hears of `return()` when it yields next: one that waits for a change has to be woken.
  changes.return = async (value) => {
    left = true
    wake?.()
    return await leave(value)
  }
  return changes as AsyncGenerator<T, never>
}

function lagged(): LimitExceeded {
  return new LimitExceeded('MAX_WAITING_CHANGES', `a watcher lagged ${MAX_WAITING_CHANGES} changes behind`)
}
