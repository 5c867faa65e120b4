import { makePlan } from '../plan.ts'
import { runPlan } from '../run-plan.ts'
import { Broken } from '../laws/law.ts'
import { loadMutant } from './load-mutant.ts'
import type { KnownMutation } from './mutations.ts'
import type { CoreUnderTest } from '../simulation-options.ts'

/** How a rule that is off was noticed. */
export interface Catch {
  readonly seed: number
  /** Seeds that were run until then. */
  readonly tried: number
  readonly law: string
  readonly breach: string
}

export interface CatchOptions {
  /** Seeds that are tried at most, the known one first. */
  readonly seeds: number
  /** Milliseconds of processor time after which no further seed is begun: a busy machine is no excuse. */
  readonly withinMs: number
}

/** Runs a core with a rule turned off until a law is broken; undefined when none is. */
export async function catchMutant(
  mutation: KnownMutation,
  { seeds, withinMs }: CatchOptions,
): Promise<Catch | undefined> {
  const core = await loadMutant(mutation)
  const until = usedMs() + withinMs
  let tried = 0
  const known = mutation.seed === undefined ? [] : [mutation.seed]
  for (const seed of [...known, ...Array.from({ length: seeds }, (_, index) => index)]) {
    if (tried >= seeds || usedMs() >= until) return undefined
    tried++
    const broken = breachOf(mutation, seed, core)
    // a seed that breaks a law anyway tells nothing about the rule
    if (broken !== undefined && breachOf(mutation, seed) === undefined) return { seed, tried, ...broken }
  }
  return undefined
}

function breachOf(
  { plan, scenario }: KnownMutation,
  seed: number,
  core?: CoreUnderTest,
): Pick<Catch, 'law' | 'breach'> | undefined {
  if (scenario === undefined) {
    const { law, breaches } = runPlan(makePlan({ ...plan, seed }), core === undefined ? {} : { core })
    return law === undefined ? undefined : { law, breach: breaches[0] ?? '' }
  }
  try {
    const broken = scenario(seed, core)
    return broken && { law: broken.law, breach: broken.message }
  } catch (error) {
    if (error instanceof Broken) return { law: error.law, breach: error.message }
    throw error
  }
}

function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
