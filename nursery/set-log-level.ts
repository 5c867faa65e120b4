import { checkLevelMs, checkLogLevel, type LogLevel } from '../node/log.ts'
import { builtinId } from '../rpc/builtins.ts'
import type { Portal } from '../rpc/portal.ts'

export interface LogLevelOptions {
  /** Milliseconds after which the level of before is in force again, 1 to 86,400,000; default it stays. */
  readonly forMs?: number
}

/**
 * Changes from which level on an actor, and all below it, write log lines. The actor tells its mesh who did so.
 *
 * @param actor also one that this process is itself, by a portal to it
 * @throws InvalidArgument on an unknown level, or another time
 * @throws ActorDied when nobody answers there
 * @example
 * ```ts
 * await setLogLevel(await waitForActor('gretchen'), 'debug', { forMs: 60_000 })
 * ```
 */
export async function setLogLevel(actor: Portal, level: LogLevel, { forMs }: LogLevelOptions = {}): Promise<void> {
  checkLogLevel(level)
  checkLevelMs(forMs)
  await actor.call(builtinId('setLogLevel'), level, forMs)
}
