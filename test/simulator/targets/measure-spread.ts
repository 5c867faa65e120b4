import { distribution, minute, seconds, someRoot, times } from './bench.ts'
import type { Bench, Measured } from './bench.ts'
import { formLargeMesh } from './large-mesh.ts'
import { isWhole, longId, startMesh, timeUntil } from './mesh.ts'

export function change(bench: Bench): Measured {
  const { watch, roots } = bench
  const spread: number[] = []
  for (let round = 0; round < times(roots); round++) {
    const { simulation } = bench
    const root = someRoot(simulation)
    const audience = simulation.roots().length
    watch.set('updated', root.id, simulation.now)
    root.edits++
    simulation.give(root, { type: 'changed' })
    timeUntil(simulation, () => watch.count >= 0.9999 * audience, minute)
    spread.push(watch.after(0.9999))
  }
  const bound = roots <= 100 ? 500 : roots <= 1_000 ? 1_000 : 1_500
  return distribution(spread, bound, bound)
}

/** So many that start at once with three seeds. */
export function storm({ roots }: Bench): Measured {
  const simulation = startMesh({ roots: roots + 3, seed: roots })
  simulation.clock.runUntil(500)
  const took = timeUntil(simulation, () => isWhole(simulation, roots + 3), 5 * minute)
  return { text: seconds(took), p50: took, p99: took, met: took <= (roots <= 1_000 ? 15_000 : 30_000) }
}

/** A tenth of a mesh that starts at once with three seeds, while the others are there. */
export function latecomers({ roots }: Bench): Measured {
  const late = roots / 10
  const { simulation, below } = formLargeMesh({ roots: roots - late, children: 0, seed: roots })
  for (let index = 0; index < late; index++) simulation.startRoot(longId(roots + index))
  const took = timeUntil(simulation, () => isWhole(simulation, roots, below()), 5 * minute)
  return { text: seconds(took), p50: took, p99: took, met: took <= 30_000 }
}

export function idle({ simulation }: Bench): Measured {
  const span = 30
  simulation.countBytes = true
  const before = simulation.roots().map(({ bytes }) => bytes)
  simulation.clock.runUntil(simulation.now + span * 1_000)
  simulation.countBytes = false
  const rates = simulation.roots().map(({ bytes }, index) => (bytes - (before[index] ?? 0)) / span)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const most = Math.max(...rates)
  return {
    text: `${(mean / 1_000).toFixed(2)} KB/s (most ${(most / 1_000).toFixed(2)})`,
    p50: mean,
    p99: most,
    met: mean <= 1_500,
  }
}
