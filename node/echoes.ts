import { Cancelled } from './errors.ts'

/**
 * Whether an error is nothing but the echo of a cancel: the reason itself, or an `AbortError` caused by it. Never throws
 * itself: anything can be thrown, also what throws when it is looked at.
 */
export function isEcho(error: unknown, reason: Cancelled | undefined): boolean {
  if (reason === undefined || error === undefined || error === null) return false
  if (error === reason) return true
  try {
    if (!(error instanceof Error)) return false
    if (error instanceof AggregateError)
      return (
        Array.isArray(error.errors) && error.errors.length > 0 && error.errors.every((inner) => isEcho(inner, reason))
      )
    return error.name === 'AbortError' && error.cause === reason
  } catch {
    return false
  }
}

/**
 * Whether what nobody awaited was cut short by some cancel: a promise that was given up, say. That is no failure. Never
 * throws itself.
 */
export function isStrayEcho(error: unknown): boolean {
  try {
    return (error instanceof Error && error.name === 'AbortError' ? error.cause : error) instanceof Cancelled
  } catch {
    return false
  }
}

/** Notes on a cancel what it cut short; the innermost wait, which hears of it first, has the word. */
export function noteInterrupted(error: unknown, what: string): void {
  if (error instanceof Cancelled) error.during ??= what
}
