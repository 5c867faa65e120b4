// Greenroom beside its floors, interleaved in one run: `npm run bench -- --help` says what can be asked for.
import { type Options, readOptions } from './options.ts'
import { profilePair } from './profile.ts'
import { playRounds } from './rounds.ts'
import { RunningPairs } from './running-pairs.ts'
import { describeMachine, head, printed, type Row, rowsOf } from './table.ts'

const options = readOptions(process.argv.slice(2))
if (options !== undefined) await main(options)

async function main({ measures: chosen, pairs: names, rounds, windowMs, json, profile }: Options): Promise<void> {
  const reasons = new Map(chosen.map((measure) => [measure, measure.whyNot?.()]))
  const measures = chosen.filter((measure) => reasons.get(measure) === undefined)
  // A profile that is to be read names the modules, not the bundle that children usually boot from.
  await using pairs = new RunningPairs(names, profile ? { GREENROOM_BOOT: 'modules' } : {})
  if (profile) {
    for (const measure of measures)
      for (const pair of await pairs.of(measure)) await profilePair(pair, measure, 5 * windowMs)
    return
  }
  const machine = describeMachine()
  if (!json) {
    console.log(machine)
    console.log(`medians of ${rounds} rounds of ${windowMs} ms, ± half the distance between the quartiles`)
    console.log(`ratio: greenroom over the libp2p floor, median over the rounds\n\n${head()}`)
  }
  if (!json)
    for (const [{ id }, reason] of reasons) if (reason !== undefined) console.log(`${id} is skipped: ${reason}`)
  const all: Row[] = []
  for (const [i, measure] of measures.entries()) {
    const rows = rowsOf(measure, await playRounds(measure, await pairs.of(measure), rounds, windowMs))
    await pairs.keep(measures.slice(i + 1))
    all.push(...rows)
    if (!json) for (const row of rows) console.log(printed(row))
  }
  if (json) console.log(JSON.stringify({ machine, rounds, windowMs, rows: all }, undefined, 2))
}
