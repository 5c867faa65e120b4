import { inspect } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'

export interface CallOptions {
  /** Cancels the calls made with it; they reject with its reason. */
  readonly signal?: AbortSignal
  /** Milliseconds for each call, streams included, until it rejects with DeadlineExceeded; default none. */
  readonly timeout?: number
  /**
   * Says that the called functions may run more than once for one call: a call whose connection is lost is then sent
   * again, 3 times in all, within its scope and time. Without it a call is never sent twice. For calls that give one
   * value and take no streams.
   */
  readonly retry?: 'idempotent'
}

/** @throws InvalidArgument when `timeout` is not in 0 to 2^31-1 milliseconds, or another option is none */
export function checkCallOptions({ timeout, signal, retry }: CallOptions): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidArgument(`signal is an AbortSignal, got ${inspect(signal, { depth: 0 })}`)
  if (timeout !== undefined && !(timeout >= 0 && timeout <= MAX_TIMEOUT_MS))
    throw new InvalidArgument(`timeout is 0 to ${MAX_TIMEOUT_MS} ms, got ${timeout}`)
  if (retry !== undefined && retry !== 'idempotent')
    throw new InvalidArgument(`retry is 'idempotent' or left out, got ${inspect(retry, { depth: 0 })}`)
}
