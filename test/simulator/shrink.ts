import { only } from './plan.ts'
import type { Plan } from './plan.ts'
import { runPlan } from './run-plan.ts'
import type { Outcome, RunOptions } from './run-plan.ts'

/** A plan that still breaks a law, with as little in it as was found in time. */
export interface Shrunk {
  /** Numbers of the happenings that are needed, of those of the whole plan. */
  readonly kept: readonly number[]
  readonly plan: Plan
  readonly outcome: Outcome
  readonly runs: number
}

export interface ShrinkOptions extends RunOptions {
  /** Longest time of the search, in milliseconds of `now`; 20 s when left out. */
  readonly within?: number
  readonly now?: () => number
}

/**
 * Leaves out happenings while the plan still breaks the same law: halves first, then quarters, at last one by one (ddmin,
 * Zeller and Hildebrandt 2002), and a little disturbance time at the end.
 */
export function shrink(
  plan: Plan,
  law: string,
  { within = 20_000, now = Date.now, ...run }: ShrinkOptions = {},
): Shrunk {
  const until = now() + within
  let kept = plan.happenings.map((_, index) => index)
  let runs = 0
  const breaks = (candidate: readonly number[]): boolean => {
    runs++
    return runPlan(only(plan, candidate), run).law === law
  }
  let pieces = 2
  while (kept.length > 1 && now() < until) {
    const size = Math.ceil(kept.length / pieces)
    let smaller: number[] | undefined
    for (let from = 0; from < kept.length && smaller === undefined && now() < until; from += size) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (rest.length > 0 && breaks(rest)) smaller = rest
    }
    if (smaller !== undefined) {
      kept = smaller
      pieces = Math.max(2, pieces - 1)
    } else if (size === 1) break
    else pieces = Math.min(kept.length, pieces * 2)
  }
  const shrunk = only(plan, kept)
  return { kept, plan: shrunk, outcome: runPlan(shrunk, run), runs }
}
