import { describe, expect, test } from 'vitest'
import { allLaws } from './laws/all.ts'
import { Broken } from './laws/law.ts'
import type { LawFamily } from './laws/law.ts'
import { makePlan, only } from './plan.ts'
import { report } from './report.ts'
import { runPlan } from './run-plan.ts'
import { shrink } from './shrink.ts'

const title = 'nobody is ever called dead'
/** A law that every crash breaks. */
const nobodyDies: LawFamily = () => [
  {
    title,
    onStep({ actor, effects }) {
      for (const effect of effects) {
        if (effect.type === 'emit' && effect.event.type === 'down' && effect.event.why === 'dead') {
          throw new Broken(title, `${actor.id} calls ${effect.event.record.peerId} dead`)
        }
      }
    },
  },
]
const laws = [...allLaws, nobodyDies]
const plan = makePlan({ seed: 1, faults: ['crashRoot', 'newRoot', 'edits'] })

describe('a plan that breaks a law', () => {
  test('shrinks to what is needed: one crash and those who see it', () => {
    const { law } = runPlan(plan, { laws })
    expect(law).toBe(title)
    const { plan: small, kept, outcome } = shrink(plan, title, { laws })
    expect(outcome.law).toBe(title)
    expect(only(plan, kept)).toEqual(small)
    expect(small.happenings.filter(({ what }) => what === 'crashRoot')).toHaveLength(1)
    // a crash needs a third root that may do without the victim
    expect(small.happenings.length).toBeLessThan(6)
  })

  test('the search for less ends when its time is over', () => {
    let asked = 0
    const { runs, outcome } = shrink(plan, title, { laws, within: 3, now: () => asked++ })
    expect(runs).toBeLessThan(4)
    expect(outcome.law).toBe(title)
  })

  test('is told with its number, how to replay it, and what of it is enough', () => {
    const text = report(plan, title, { laws })
    expect(text).toContain('seed 1 breaks: nobody is ever called dead')
    expect(text).toMatch(/npm run simulate -- --seed 1 --mode liveness --fault crashRoot,newRoot,edits --keep [\d,]+$/m)
    expect(text).toMatch(/^ {2}\d+\.\d{3} s crashRoot$/m)
  })
})
