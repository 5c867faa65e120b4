import type { Portal } from '../index.ts'

/** Milliseconds to an actor and back, to a microsecond. */
export async function roundTrip(portal: Portal): Promise<number> {
  return Math.round((await portal.ping()) * 1_000) / 1_000
}
