/** Milliseconds after which the next address of a peer is tried beside one that has not answered: RFC 8305, section 5. */
export const ATTEMPT_DELAY_MS = 250

/**
 * Tries one target after the other, the next one when an earlier one has failed or has not come to its end in time, and gives
 * what comes first; the other attempts are aborted (Happy Eyeballs, RFC 8305).
 *
 * @param discard takes what comes all the same once there is a first one
 * @throws AggregateError when all fail
 */
export async function firstToAnswer<A, T>(
  targets: readonly A[],
  attempt: (target: A, signal: AbortSignal) => Promise<T>,
  discard: (late: T) => void,
  signal: AbortSignal,
): Promise<T> {
  // one each: what has answered goes on to use its signal
  const attempts = new Map<A, AbortController>()
  const failures: unknown[] = []
  const first = Promise.withResolvers<T>()
  const waiting = [...targets]
  let won = false
  let timer: NodeJS.Timeout | undefined
  const tryNext = (): void => {
    clearTimeout(timer)
    const [target] = waiting.splice(0, 1)
    if (target === undefined) return
    timer = setTimeout(tryNext, ATTEMPT_DELAY_MS)
    const own = new AbortController()
    attempts.set(target, own)
    attempt(target, own.signal).then(
      (result) => {
        if (won) discard(result)
        else attempts.delete(target)
        won = true
        first.resolve(result)
      },
      (error: unknown) => {
        failures.push(error)
        if (failures.length === targets.length)
          first.reject(new AggregateError(failures, 'none of the addresses answered'))
        else if (!won) tryNext()
      },
    )
  }
  const onAbort = (): void => first.reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  else if (targets.length === 0) first.reject(new AggregateError([], 'there is no address to dial'))
  else tryNext()
  try {
    return await first.promise
  } finally {
    won = true
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    for (const loser of attempts.values()) loser.abort(new Error('another address answered first, or the dial is over'))
  }
}
