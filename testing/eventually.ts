import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'

/** Milliseconds between two looks. */
const POLL_MS = 10

/**
 * Waits until a condition holds, and gives what it returned: for what happens in its own time, such as gossip.
 *
 * @param what the condition in words: the subject of the failure
 * @param condition holds when it returns something truthy; false values and errors mean "not yet"
 * @param ms milliseconds; default 5,000
 * @throws Error with the last value or error of the condition when the time is over
 * @example
 * ```ts
 * await eventually('gretchen is gone', async () => (await findActor('gretchen')) === undefined)
 * ```
 */
export async function eventually<T>(what: string, condition: () => T | Promise<T>, ms = 5_000): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    let last: string
    let cause: unknown
    try {
      const value = await condition()
      if (value) return value
      last = `was ${inspect(value)}`
    } catch (error) {
      cause = error
      last = `threw ${error instanceof Error ? error.message : inspect(error)}`
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms, at last it ${last}`, { cause })
    await delay(POLL_MS)
  }
}
