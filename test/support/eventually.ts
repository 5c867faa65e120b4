import { eventually as eventuallyWithin } from '../../testing/eventually.ts'
import { deadline } from './headroom.ts'

/** Waits until a condition holds. @param ms milliseconds on an idle machine, scaled by the headroom; default 5,000 */
export async function eventually<T>(what: string, condition: () => T | Promise<T>, ms = 5_000): Promise<T> {
  return await eventuallyWithin(what, condition, deadline(ms))
}
