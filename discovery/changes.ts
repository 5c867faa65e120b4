import { currentScope } from '../node/cancel-scope.ts'
import { LimitExceeded } from '../node/errors.ts'

/** Changes that may wait for a watcher; one that lags further behind is told so. */
export const MAX_WAITING_CHANGES = 10_000

/**
 * Iterates over what a source pushes; a cancel point. Ends only when its consumer leaves or the scope is cancelled.
 *
 * @param subscribe called at the first `next()`; gives the function that unsubscribes
 * @throws LimitExceeded when the consumer lags more than {@link MAX_WAITING_CHANGES} changes behind: nothing is skipped silently
 */
export async function* changesOf<T>(subscribe: (push: (change: T) => void) => () => void): AsyncGenerator<T, never> {
  let waiting: T[] = []
  let lagged = false
  let wake: (() => void) | undefined
  const unsubscribe = subscribe((change) => {
    if (waiting.length >= MAX_WAITING_CHANGES) lagged = true
    else waiting.push(change)
    wake?.()
  })
  try {
    for (;;) {
      const scope = currentScope()
      scope.throwIfCancelled()
      const batch = waiting
      waiting = []
      yield* batch
      if (waiting.length > 0) continue
      if (lagged)
        throw new LimitExceeded('MAX_WAITING_CHANGES', `a watcher lagged ${MAX_WAITING_CHANGES} changes behind`)
      const change = Promise.withResolvers<void>()
      wake = change.resolve
      const unlink = scope.onCancel(change.reject)
      await change.promise.finally(unlink)
    }
  } finally {
    unsubscribe()
  }
}
