import type { Portal } from '../index.ts'

/** Milliseconds that an actor takes to answer: over a connection that is there, so the first exchange is not counted; to a microsecond. */
export async function roundTrip(portal: Portal): Promise<number> {
  await portal.describe()
  const sent = performance.now()
  await portal.describe()
  return Math.round((performance.now() - sent) * 1_000) / 1_000
}
