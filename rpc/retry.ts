import { type CancelScope, untilCancelled } from '../node/cancel-scope.ts'
import { ActorDied } from '../node/errors.ts'

/** Times that a call is sent at most when `retry` was asked for, the first one included. */
export const MAX_CALL_ATTEMPTS = 3
/** Milliseconds before a call is sent a second time; twice as many before each further one. */
export const RETRY_BACKOFF_MS = 50

/**
 * Makes a call again while its connection is lost: at least once, as RPC calls it (A. D. Birrell and B. J. Nelson,
 * "Implementing Remote Procedure Calls", 1984). What the function raised, and the call's own cancel, end it.
 *
 * @param again whether an attempt that failed so may be followed by another one
 */
export async function retrying(
  scope: CancelScope,
  attempt: () => Promise<unknown>,
  again: (error: ActorDied) => boolean,
): Promise<unknown> {
  let mayHaveRun = false
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof ActorDied)) throw error
      mayHaveRun ||= error.mayHaveRun
      if (attempts === MAX_CALL_ATTEMPTS || scope.cancelled || !again(error)) throw summed(error, attempts, mayHaveRun)
    }
    await pause(scope, RETRY_BACKOFF_MS * 2 ** (attempts - 1))
  }
}

/** That the last attempt was not sent says nothing of those before it. */
function summed(last: ActorDied, attempts: number, mayHaveRun: boolean): ActorDied {
  if (attempts === 1 || mayHaveRun === last.mayHaveRun) return last
  const how = `of ${attempts} attempts the last one was not sent, but the call may have run`
  return new ActorDied(last.actor, how, { cause: last, mayHaveRun, lost: last.lost })
}

async function pause(scope: CancelScope, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  try {
    await untilCancelled(scope, promise)
  } finally {
    clearTimeout(timer)
  }
}
