// Runs the simulator: `npm run simulate -- --help` says what can be asked for.
import { makePlan, only } from './plan.ts'
import { readOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { report } from './report.ts'
import { runPlan } from './run-plan.ts'
import type { Outcome } from './run-plan.ts'
import { measureTargets } from './targets/results.ts'
import { writeDocs } from './targets/write-docs.ts'

let options: Options | undefined
try {
  options = readOptions(process.argv.slice(2))
  if (options === undefined) console.log(USAGE)
} catch (error) {
  console.error(
    `${error instanceof Error ? error.message : String(error)}\nnpm run simulate -- --help says what there is`,
  )
  process.exitCode = 2
}
if (options?.targets === true) await showTargets(options)
else if (options !== undefined) main(options)

async function showTargets({ nodes, only: rows, json, write, long }: Options): Promise<void> {
  const started = performance.now()
  const results = await measureTargets(
    rows,
    nodes !== undefined ? [nodes] : long ? 'long' : 'usual',
    ({ id, roots, text, met }) => {
      if (!json) console.log(`${id} at ${roots}: ${text}${met ? '' : '   (target not met)'}`)
    },
  )
  if (json) console.log(JSON.stringify(results, null, 2))
  else console.log(`in ${((performance.now() - started) / 1_000).toFixed(0)} s`)
  if (write) writeDocs(results)
}

function main({ firstSeed, seeds, keep, trace, json, ...planOptions }: Options): void {
  const started = performance.now()
  const failed: { seed: number; law: string; breaches: readonly string[] }[] = []
  let elections = 0
  let events = 0
  let last: Outcome | undefined
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const whole = makePlan({ seed, ...planOptions })
    const plan = keep === undefined ? whole : only(whole, keep)
    const outcome = runPlan(plan, { keepTrace: trace })
    last = outcome
    elections += outcome.elections
    events += outcome.events
    if (trace > 0 && !json) console.log(outcome.lines.join('\n'))
    if (outcome.law === undefined) continue
    failed.push({ seed, law: outcome.law, breaches: outcome.breaches })
    if (!json) console.log(keep === undefined ? `${report(plan, outcome.law)}\n` : outcome.breaches.join('\n'))
  }
  const seconds = (performance.now() - started) / 1_000
  if (json)
    console.log(JSON.stringify({ firstSeed, seeds, seconds, events, elections, failed, hash: last?.hash }, null, 2))
  else {
    const hash = seeds === 1 && last !== undefined ? `, trace ${last.hash}` : ''
    console.log(
      `${seeds} ${seeds === 1 ? 'seed' : 'seeds'} from ${firstSeed}: ${failed.length} broke a law; ${elections} elections, ${events} events in ${seconds.toFixed(1)} s${hash}`,
    )
  }
  if (failed.length > 0) process.exitCode = 1
}
