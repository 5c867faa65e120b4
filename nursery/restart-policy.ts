/**
 * Which children are restarted, in which order, how often and when: decisions only, no clock and no processes. Words
 * and rules are those of Erlang/OTP's `supervisor`; the backoff is an addition.
 */

/** `one-cancels-all` never restarts; the others are Erlang's. */
export const STRATEGIES = ['one-cancels-all', 'one-for-one', 'one-for-all', 'rest-for-one'] as const
export type Strategy = (typeof STRATEGIES)[number]
export type RestartStrategy = Exclude<Strategy, 'one-cancels-all'>

/** `permanent`: always restarted; `transient`: unless it ended normally or was asked to end; `temporary`: never. */
export const RESTARTS = ['permanent', 'transient', 'temporary'] as const
export type Restart = (typeof RESTARTS)[number]

/** `normal`: by itself, without an error; `shutdown`: because somebody asked it to; `abnormal`: everything else. */
export type ExitKind = 'normal' | 'shutdown' | 'abnormal'

/** Default number of restarts within {@link RESTART_WINDOW_MS}. */
export const MAX_RESTARTS = 3
/** Default milliseconds of the window in which restarts are counted. */
export const RESTART_WINDOW_MS = 5_000
/** The most restarts that may be allowed within a window: each one is remembered until it leaves the window. */
export const RESTARTS_BOUND = 10_000
/** Default milliseconds before the first restart of a child, halved at random at most. */
export const BACKOFF_MS = 50
/** Default milliseconds that the wait before a restart grows to. */
export const BACKOFF_MAX_MS = 5_000

export function shouldRestart(restart: Restart, exit: ExitKind): boolean {
  return restart === 'permanent' || (restart === 'transient' && exit === 'abnormal')
}

/** What a policy has to know of a child. */
export interface Child {
  readonly restart: Restart
}

/** Who ends and who starts again because one child has ended. */
export interface Affected<C> {
  /** In the order of their ends: the one that was started last ends first. */
  readonly stop: readonly C[]
  /** In the order of their starts, the ended one among them; temporary children do not come back. */
  readonly start: readonly C[]
}

/** @param children in the order of their starts @param ended one of them, which is to be restarted */
export function affected<C extends Child>(strategy: RestartStrategy, children: readonly C[], ended: C): Affected<C> {
  const from = { 'one-for-one': children.indexOf(ended), 'one-for-all': 0, 'rest-for-one': children.indexOf(ended) }
  const group = strategy === 'one-for-one' ? [ended] : children.slice(from[strategy])
  return {
    stop: group.filter((child) => child !== ended).toReversed(),
    start: group.filter((child) => child === ended || child.restart !== 'temporary'),
  }
}

/**
 * Counts one more restart, when there may be one.
 *
 * @param past when the counted ones were, oldest first, in milliseconds on any clock
 * @returns those that count from now on, or `undefined` when this one would be more than `max` within `withinMs`
 */
export function countRestart(
  past: readonly number[],
  now: number,
  max: number,
  withinMs: number,
): readonly number[] | undefined {
  const recent = past.filter((at) => now - at <= withinMs)
  return recent.length >= max ? undefined : [...recent, now]
}

/** How the wait before a restart grows. */
export interface Backoff {
  /** Milliseconds before the first restart of a child, 0 to `maxMs`; default 50. */
  readonly firstMs?: number
  /** Milliseconds that the wait grows to, 0 to 2^31-1; default 5,000, or `firstMs` when that is more. */
  readonly maxMs?: number
}

/**
 * Milliseconds to wait before a restart: doubles each time and is shortened by up to a half at random, so that children
 * that failed together do not come back together ("equal jitter", AWS Architecture Blog, "Exponential Backoff And
 * Jitter", 2015).
 *
 * @param attempt 1 for the first restart in a row
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 64))
  return full / 2 + (full / 2) * random
}

/** Restarts in a row, the coming one included: a child that lived as long as the window begins anew. */
export function nextAttempt(before: number, livedMs: number, withinMs: number): number {
  return livedMs > withinMs ? 1 : before + 1
}
