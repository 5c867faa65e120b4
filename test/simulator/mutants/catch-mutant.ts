import { makePlan } from '../plan.ts'
import { runPlan } from '../run-plan.ts'
import { loadMutant } from './load-mutant.ts'
import type { KnownMutation } from './mutations.ts'

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
    const plan = makePlan({ ...mutation.plan, seed })
    const { law, breaches } = runPlan(plan, { core })
    // a seed that breaks a law anyway tells nothing about the rule
    if (law !== undefined && runPlan(plan).law === undefined) return { seed, tried, law, breach: breaches[0] ?? '' }
  }
  return undefined
}

function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
