import type { Reading } from './driver.ts'
import type { Measure } from './measure.ts'
import type { Pair, PairName } from './pair.ts'

/** What each pair gave, round by round. */
export type Readings = ReadonlyMap<PairName, readonly Reading[]>

/**
 * Runs one measure: a round that warms up and does not count, then the rounds that do. Pairs take turns in each, and
 * who begins changes from round to round, so that a machine that slows down slows all of them.
 */
export async function playRounds(
  measure: Measure,
  players: readonly Pair[],
  rounds: number,
  windowMs: number,
): Promise<Readings> {
  const readings = new Map<PairName, Reading[]>(players.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < players.length; turn++) {
      const player = players[(round + turn) % players.length]!
      const reading = await player.request(measure.command(windowMs))
      if (round > 0) readings.get(player.name)?.push(reading)
    }
  }
  return readings
}
