import { describeError, RemoteActorError, showActor } from '../node/errors.ts'

/** Lines of the text of one failed nursery; what is left out is counted in the last one. */
export const MAX_TREE_LINES = 200
/** Links of a chain of causes that the text of a failure shows. */
export const MAX_TREE_CAUSES = 8

/** A failure and, when it is not an actor's, what it was raised by. */
export interface Failure {
  readonly error: unknown
  /** As in `the block` or `task 'watch'`. */
  readonly by?: string | undefined
}

/** Failures of a nursery as a tree of text: the nurseries of the actors below are branches of it. */
export function failureTree(actor: string, failures: readonly Failure[]): string {
  const lines = [`${failures.length} failures in a nursery of ${actor}:`]
  for (const [i, failure] of failures.entries()) {
    const [first = '', ...rest] = describeFailure(failure).split('\n')
    const isLast = i === failures.length - 1
    const room = MAX_TREE_LINES - lines.length - 1
    if (rest.length + 1 > room) {
      lines.push(`└─ … and ${failures.length - i} more of ${failures.length}`)
      break
    }
    lines.push(`${isLast ? '└─' : '├─'} ${first}`, ...rest.map((line) => `${isLast ? '  ' : '│ '} ${line}`))
  }
  return lines.join('\n')
}

function describeFailure({ error, by }: Failure): string {
  return `${by === undefined || error instanceof RemoteActorError ? '' : `${by}: `}${describe(error, 0)}`
}

function describe(error: unknown, depth: number): string {
  try {
    if (error instanceof RemoteActorError) {
      const way = error.path.length > 1 ? ` (by way of ${error.path.slice(1).join(', ')})` : ''
      return `${showActor(error.origin)}${way} raised ${describe(error.cause, depth)}`
    }
    const text = describeError(error)
    if (!(error instanceof Error) || depth >= MAX_TREE_CAUSES) return text
    if (isSuppressed(error))
      return `${text}\nraised ${describe(error.error, depth + 1)}\nwhile ending after ${describe(error.suppressed, depth + 1)}`
    // What the words say already is not said again.
    const said = error.cause === undefined || text.includes(describeError(error.cause))
    return said ? text : `${text}\ncaused by ${describe(error.cause, depth + 1)}`
  } catch {
    return describeError(error)
  }
}

/** As `using` makes it when the end of a resource fails after the block has. */
function isSuppressed(error: Error): error is Error & { error: unknown; suppressed: unknown } {
  return 'suppressed' in error && 'error' in error
}
