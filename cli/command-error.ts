import { EXIT, type ExitCode } from './exit-code.ts'
import { visible } from './text.ts'

/** What was asked for cannot be done; the message says what to do about it. */
export class CommandError extends Error {
  /** A stable upper-case word for programs. */
  readonly code: string
  readonly exitCode: ExitCode
  /** Facts for programs that read `--json`. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, exitCode: ExitCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'CommandError'
    this.code = code
    this.exitCode = exitCode
    this.details = details
  }
}

/** Of errors of the library, which is not loaded for the sake of a wrong argument. */
const EXIT_CODES: Readonly<Record<string, ExitCode>> = {
  INVALID_ARGUMENT: EXIT.usage,
  NOT_EXPOSED: EXIT.noActor,
  REMOTE_ACTOR_ERROR: EXIT.callFailed,
  DEADLINE_EXCEEDED: EXIT.timeOver,
  MESH_UNREACHABLE: EXIT.unreachable,
  SECRET_CHANGED: EXIT.unreachable,
}

/** The exit code that says what kind of failure this is. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode
  const code = codeOf(error)
  return code !== undefined && Object.hasOwn(EXIT_CODES, code) ? EXIT_CODES[code]! : EXIT.failed
}

/** A failure as `--json` tells it on the standard error. */
export interface ErrorReport {
  readonly error: {
    /** A stable upper-case word, `ERROR` for what has none. */
    readonly code: string
    readonly message: string
    readonly exitCode: number
    readonly details: Readonly<Record<string, unknown>>
  }
}

export function reportOf(error: unknown): ErrorReport {
  const message = error instanceof Error ? error.message : String(error)
  return { error: { code: codeOf(error) ?? 'ERROR', message, exitCode: exitCodeOf(error), details: detailsOf(error) } }
}

/** What went wrong, for people: each of its lines harmless to a terminal. */
export function describeFailure(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n').map(visible).join('\n')
}

function detailsOf(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof CommandError) return error.details
  const { actor, mayHaveRun, origin, path, cause } = error as Readonly<Record<string, unknown>>
  switch (codeOf(error)) {
    case 'ACTOR_DIED':
      return { actor, mayHaveRun }
    case 'REMOTE_ACTOR_ERROR':
      return { origin, path, cause: describeCause(cause) }
    default:
      return {}
  }
}

function describeCause(cause: unknown): object {
  if (!(cause instanceof Error)) return { message: String(cause) }
  const code = codeOf(cause)
  return { name: cause.name, message: cause.message, ...(code === undefined ? {} : { code }) }
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
