/**
 * From the clock of `performance.now()` to milliseconds since 1970, by what that clock says now: the same moment may come
 * out a millisecond apart when it is asked again.
 */
export function wallClock(): (at: number) => number {
  const offset = Date.now() - performance.now()
  return (at) => Math.round(at + offset)
}
