import type { Happening, Plan } from './plan.ts'
import type { RunOptions } from './run-plan.ts'
import { shrink } from './shrink.ts'

/** Lines of the trace that are shown of a failing run. */
const shownLines = 80

/** What to tell of a seed that breaks a law: how to replay it, what of it is needed, and how it ends. */
export function report(plan: Plan, law: string, options: RunOptions & { readonly within?: number } = {}): string {
  const { kept, plan: small, outcome, runs } = shrink(plan, law, { ...options, keepTrace: shownLines })
  return [
    `seed ${plan.seed} breaks: ${law}`,
    ...outcome.breaches,
    `replay: ${commandOf(plan)}`,
    `${kept.length} of ${plan.happenings.length} happenings are enough (found in ${runs} runs): ${commandOf(plan)} --keep ${kept.join(',')}`,
    ...small.happenings.map(describe),
    `the end of the trace ${outcome.hash}:`,
    ...outcome.lines,
  ].join('\n')
}

/** The command that runs a plan again. */
function commandOf({ seed, mode, electorate, profile, given }: Plan): string {
  const options = [`--seed ${seed}`, `--mode ${mode}`]
  if (electorate !== 'elastic') options.push(`--electorate ${electorate}`)
  if (profile !== 'loopback') options.push(`--profile ${profile}`)
  if (given.nodes !== undefined) options.push(`--nodes ${given.nodes}`)
  if (given.faults !== undefined) options.push(`--fault ${given.faults.join(',')}`)
  if (given.disturbed !== undefined) options.push(`--disturbed ${given.disturbed}`)
  return `npm run simulate -- ${options.join(' ')}`
}

function describe({ at, what, lasts }: Happening): string {
  return `  ${(at / 1_000).toFixed(3)} s ${what}${lasts === 0 ? '' : ` for ${(lasts / 1_000).toFixed(3)} s`}`
}
