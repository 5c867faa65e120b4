// Greenroom beside its floors, interleaved in one run: `npm run bench -- --help` says what can be asked for.
import { type Options, readOptions } from './options.ts'
import { Pair, type PairName } from './pair.ts'
import { profilePair } from './profile.ts'
import { playRounds } from './rounds.ts'
import { describeMachine, head, printed, type Row, rowsOf } from './table.ts'

const options = readOptions(process.argv.slice(2))
if (options !== undefined) await main(options)

async function main({ measures, pairs: names, rounds, windowMs, json, profile }: Options): Promise<void> {
  // A profile that is to be read names the modules, not the bundle that children usually boot from.
  const env: Record<string, string> = profile ? { GREENROOM_BOOT: 'modules' } : {}
  const needed = names.filter((name) => measures.some((measure) => measure.pairs.includes(name)))
  await using pairs = await startPairs(needed, env)
  if (profile) {
    for (const pair of pairs.all) for (const measure of measures) await profilePair(pair, measure, 5 * windowMs)
    return
  }
  const machine = describeMachine()
  if (!json) {
    console.log(machine)
    console.log(`medians of ${rounds} rounds of ${windowMs} ms, ± half the distance between the quartiles`)
    console.log(`ratio: greenroom over the libp2p floor, median over the rounds\n\n${head()}`)
  }
  const all: Row[] = []
  for (const measure of measures) {
    const rows = rowsOf(measure, await playRounds(measure, pairs.all, rounds, windowMs))
    all.push(...rows)
    if (!json) for (const row of rows) console.log(printed(row))
  }
  if (json) console.log(JSON.stringify({ machine, rounds, windowMs, rows: all }, undefined, 2))
}

/** Starts them one after the other; when one cannot start, those before it end. */
async function startPairs(
  names: readonly PairName[],
  env: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly all: readonly Pair[] }> {
  await using stack = new AsyncDisposableStack()
  const all: Pair[] = []
  for (const name of names) all.push(stack.use(await Pair.start(name, env)))
  const pairs = stack.move()
  return { all, [Symbol.asyncDispose]: async () => await pairs.disposeAsync() }
}
