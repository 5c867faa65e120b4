import { profiles } from '../../../discovery/profile.ts'
import type { Profile } from '../../../discovery/profile.ts'
import type { SimulatedActor } from '../actor.ts'
import type { LawFamily } from '../laws/law.ts'
import { loadMutant } from '../mutants/load-mutant.ts'
import { shuffled } from '../rng.ts'
import type { CoreUnderTest } from '../simulation-options.ts'
import { formMesh } from './mesh.ts'

/** How many were called dead who were in no trouble: everywhere, and by those in no trouble themselves. */
export interface FalsePositives {
  readonly all: number
  readonly atHealthy: number
}

/**
 * Part of the grid of the Lifeguard paper (Dadgar, Phillips and Currey, arXiv 1707.00788): so many of 128 members are
 * blocked again and again, for so long, and run for so long in between, for two minutes.
 */
const grid = { blocked: [4, 16], forMs: [8_192, 32_768], thenMs: [64, 1_024] } as const
const span = 120_000

/** Plain SWIM's timer in memberlist's setting: 5 · log10(n) probe intervals, whoever else says so. */
export function plainSwim(roots: number): Profile {
  const fixed = 5 * Math.log10(roots) * profiles.lan.probe.interval
  return { ...profiles.lan, suspicion: { min: fixed, max: fixed } }
}

/** The core without what Lifeguard and greenroom add to SWIM: local health, care on waking, and telling suspects of it. */
export async function withoutLifeguard(): Promise<CoreUnderTest> {
  return await loadMutant(
    {
      rule: 'local health stretches own timers',
      file: 'health.ts',
      find: 'return 1 + Math.floor(liveness.health.score)',
      replace: 'return liveness === undefined ? 0 : 1',
    },
    {
      rule: 'who was stopped gives others more time on waking',
      file: 'health.ts',
      find: 'if (lag < timeout / 2) return',
      replace: 'if (lag < Infinity) return',
    },
    {
      rule: 'a suspect is told with every probe',
      file: 'probes.ts',
      find: 'if (suspicion === undefined) return',
      replace: 'if (suspicion === undefined || turn.now > 0) return',
    },
  )
}

/** Runs the grid. */
export function countFalsePositives(roots: number, profile: Profile, core?: CoreUnderTest): FalsePositives {
  let all = 0
  let atHealthy = 0
  for (const blocked of grid.blocked) {
    for (const forMs of grid.forMs) {
      for (const thenMs of grid.thenMs) {
        const troubled = new Set<SimulatedActor>()
        const ids = new Set<string>()
        let counting = false
        const watch: LawFamily = () => [
          {
            title: 'a count of wrong verdicts',
            onStep: ({ actor, effects }) => {
              if (!counting) return
              for (const effect of effects) {
                if (effect.type !== 'emit' || effect.event.type !== 'down' || effect.event.why !== 'dead') continue
                if (ids.has(effect.event.record.peerId)) continue
                all++
                if (!troubled.has(actor)) atHealthy++
              }
            },
          },
        ]
        const simulation = formMesh({
          roots,
          seed: blocked + forMs + thenMs,
          profile,
          watch: [watch],
          ...(core === undefined ? {} : { core }),
        })
        for (const root of shuffled(simulation.rng, simulation.roots()).slice(0, blocked)) {
          troubled.add(root)
          ids.add(root.id)
        }
        counting = true
        const until = simulation.now + span
        const block = (): void => {
          if (simulation.now >= until) return
          for (const root of troubled) simulation.pause(root, forMs)
          simulation.clock.after(forMs + thenMs, block)
        }
        block()
        simulation.clock.runUntil(until)
      }
    }
  }
  return { all, atHealthy }
}
