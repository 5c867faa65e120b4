/** Something that code of this process waits for; calls are known to their lanes. */
export interface NamedWait {
  /** As in `sleeping for 100 ms`. */
  readonly what: string
  /** On the clock of `performance.now()`. */
  readonly since: number
}

const waits = new Set<NamedWait>()

/** Lets others see what is waited for, until {@link endWait}. */
export function beginWait(what: string): NamedWait {
  const wait = { what, since: performance.now() }
  waits.add(wait)
  return wait
}

export function endWait(wait: NamedWait): void {
  waits.delete(wait)
}

/** What code of this process waits for now, in the order in which it began. */
export function namedWaits(): NamedWait[] {
  return [...waits]
}
