/** From well to broken. */
export const SEVERITIES = ['ok', 'note', 'warning', 'problem'] as const
export type Severity = (typeof SEVERITIES)[number]

/** Something that was looked at, as `doctor --json` prints it. */
export interface Finding {
  /** What was looked at, a stable word. */
  readonly check: string
  readonly severity: Severity
  readonly what: string
  /** What to do about it; null when nothing has to be done. */
  readonly remedy: string | null
}

export function ok(check: string, what: string): Finding {
  return { check, severity: 'ok', what, remedy: null }
}

export function note(check: string, what: string, remedy: string | null = null): Finding {
  return { check, severity: 'note', what, remedy }
}

export function warning(check: string, what: string, remedy: string): Finding {
  return { check, severity: 'warning', what, remedy }
}

export function problem(check: string, what: string, remedy: string): Finding {
  return { check, severity: 'problem', what, remedy }
}
