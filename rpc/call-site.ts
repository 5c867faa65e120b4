import { RemoteActorError } from '../node/errors.ts'

/**
 * Gives an error that another actor sent the stack of the code that waits for it here; anything else stays as it is.
 *
 * The error was made in an event of a socket, whose stack names nobody. Called where a rejection passes by, V8 finds
 * the functions that await it (https://v8.dev/blog/fast-async), so that calls which succeed pay nothing.
 */
export function atCallSite(error: unknown): unknown {
  if (error instanceof RemoteActorError) Error.captureStackTrace(error, atCallSite)
  return error
}
