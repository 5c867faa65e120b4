import { describe, expect, test } from 'vitest'
import { makePlan } from '../plan.ts'
import { runPlan } from '../run-plan.ts'
import { catchMutant } from './catch-mutant.ts'
import { loadMutant } from './load-mutant.ts'
import { mutations } from './mutations.ts'

/**
 * Seeds that may be tried for a rule, the known one first; a change of the core can make another one notice.
 * `SIMULATOR_MUTANT_SEEDS=5000 npm test -- test/simulator/mutants` searches longer, and prints what it finds.
 */
const searched = process.env['SIMULATOR_MUTANT_SEEDS']
const seeds = searched === undefined ? 200 : Number(searched)
const withinMs = searched === undefined ? 10_000 : 60_000

describe('a core with one rule turned off is caught', () => {
  // those without a seed that is known wait for a search
  test.each(mutations.filter(({ seed }) => seed !== undefined || searched !== undefined))(
    '$rule',
    { timeout: 600_000 },
    async (mutation) => {
      const caught = await catchMutant(mutation, { seeds, withinMs })
      if (caught === undefined) throw new Error(`no seed misses the rule: ${mutation.rule}`)
      if (searched !== undefined)
        console.log(`${mutation.rule}: seed ${caught.seed}, ${caught.tried} tried: ${caught.law}`)
      expect(caught.tried).toBeLessThanOrEqual(seeds)
    },
  )
})

describe('turning rules off', () => {
  const rule = { rule: 'no rule', file: 'token.ts', find: 'return Math.floor(size / 2) + 1', replace: 'return size' }

  test('changes the loaded core, and not the real one', async () => {
    const everybody = await loadMutant({ ...rule, find: 'Math.floor(size / 2) + 1', replace: 'size + 1' })
    const plan = makePlan({ seed: 3, nodes: 3, faults: [] })
    expect(runPlan(plan, { core: everybody }).elections).toBe(0)
    expect(runPlan(plan).elections).toBe(1)
  })

  test('a core that is loaded again unchanged behaves the same, step for step', async () => {
    const same = await loadMutant({ ...rule, replace: 'return 1 + Math.floor(size / 2)' })
    const plan = makePlan({ seed: 4 })
    expect(runPlan(plan, { core: same }).hash).toBe(runPlan(plan).hash)
  })

  test.each([
    ['is not there any more', 'no such text', 0],
    ['stands there twice', 'return', 3],
  ])('a rule whose text %s is an error that says what to do', async (_, find, times) => {
    await expect(loadMutant({ ...rule, find })).rejects.toThrow(
      `does not stand once in discovery/core/token.ts, but ${times} times: ${find}. Where it has moved`,
    )
  })
})
