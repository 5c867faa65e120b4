import { DeadlineExceeded, RemoteActorError } from '../node/errors.ts'

/**
 * Gives an error that another actor sent, or that a time limit made, the stack of the code that waits for it here;
 * anything else, which several calls may share, stays as it is.
 *
 * The error was made in an event of a socket or a timer, whose stack names nobody. Called where a rejection passes by, V8 finds
 * the functions that await it (https://v8.dev/blog/fast-async), so that calls which succeed pay nothing.
 */
export function atCallSite(error: unknown): unknown {
  if (isOfOneCall(error)) Error.captureStackTrace(error, atCallSite)
  return error
}

/** Whether an error was made for one call: no other one rejects with this very instance. */
export function isOfOneCall(error: unknown): error is RemoteActorError | DeadlineExceeded {
  return error instanceof RemoteActorError || error instanceof DeadlineExceeded
}
