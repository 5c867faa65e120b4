import { describe, expect, test } from 'vitest'
import { arbiterOf } from '../../discovery/core/election.ts'
import { saysProvisional } from '../../discovery/core/standing.ts'
import type { ProfileName } from '../../discovery/profile.ts'
import type { SimulatedActor } from '../simulator/actor.ts'
import { cut } from '../simulator/network.ts'
import { Simulation } from '../simulator/simulation.ts'

/** A mesh at peace: so many roots, the first one the oldest. */
function settled(roots: number, profile: ProfileName = 'loopback'): Simulation {
  const simulation = new Simulation({ seed: 7, profile })
  for (let index = 0; index < roots; index++) {
    simulation.startRoot(`r${String(index).padStart(2, '0')}`)
    simulation.clock.runUntil(simulation.now + 20)
  }
  simulation.clock.runUntil(simulation.now + 10 * simulation.profile.lease)
  return simulation
}

/** Cuts some roots off from the others; gives what mends it. */
function split(simulation: Simulation, away: readonly SimulatedActor[]): () => void {
  const places = new Set(away.map(({ place }) => place))
  const disturbance = {
    weather: (from: SimulatedActor['place'], to: SimulatedActor['place']) =>
      places.has(from) === places.has(to) ? undefined : cut,
  }
  simulation.network.disturb(disturbance)
  return () => {
    simulation.network.mend(disturbance)
    simulation.spreadNews()
  }
}

/** Milliseconds until something holds, in steps of 5. */
function timeUntil(simulation: Simulation, holds: () => boolean, most = 120_000): number {
  const from = simulation.now
  while (!holds() && simulation.now < from + most) simulation.clock.runUntil(simulation.now + 5)
  return simulation.now - from
}

const arbiterIn = (actors: readonly SimulatedActor[]): string | undefined => {
  const seen = new Set(actors.map(({ core }) => arbiterOf(core)?.peerId))
  return seen.size === 1 ? [...seen][0] : undefined
}

const rulerOf = (simulation: Simulation): SimulatedActor => {
  const ruler = simulation.roots().find(({ core }) => core.election.reign !== undefined)
  if (ruler === undefined) throw new Error('nobody rules')
  return ruler
}

const termOf = (actor: SimulatedActor): number => arbiterOf(actor.core)?.term ?? 0

describe('two parts of an elastic mesh', () => {
  /** Eleven roots of which four, the arbiter among them or not, are cut off until both parts have an arbiter. */
  function parted(withArbiter: boolean) {
    const simulation = settled(11)
    const ruler = rulerOf(simulation)
    const others = simulation.roots().filter((root) => root !== ruler)
    const small = withArbiter ? [ruler, ...others.slice(-3)] : others.slice(-4)
    const large = simulation.roots().filter((root) => !small.includes(root))
    const mend = split(simulation, small)
    timeUntil(simulation, () => [small, large].every((part) => part.some((root) => root.id === arbiterIn(part))))
    simulation.clock.runUntil(simulation.now + 10 * simulation.profile.lease)
    return { simulation, small, large, mend }
  }

  test('each have an arbiter, and the one of the smaller part says that it is provisional, to all who see it', () => {
    const { small, large } = parted(true)
    expect(small.map(({ core }) => saysProvisional(core))).toEqual(small.map(() => true))
    expect(large.map(({ core }) => saysProvisional(core))).toEqual(large.map(() => false))
  })

  test.each([true, false])(
    'have the arbiter of the larger part when they meet, at a term above both (arbiter in the smaller: %s)',
    (withArbiter) => {
      const { simulation, small, large, mend } = parted(withArbiter)
      // the smaller part has seen more elections
      for (let times = 0; times < 3; times++) {
        const ruler = small.find(({ core }) => core.election.reign !== undefined)
        if (ruler !== undefined) simulation.pause(ruler, 3 * simulation.profile.lease)
        simulation.clock.runUntil(simulation.now + 20 * simulation.profile.lease)
      }
      timeUntil(simulation, () => small.some((root) => root.id === arbiterIn(small)))
      const keeper = arbiterIn(large)
      const before = Math.max(...simulation.roots().map(termOf))
      expect(Math.max(...small.map(termOf))).toBe(before)
      const seen = new Set<string | undefined>()
      mend()
      const time = timeUntil(simulation, () => {
        for (const root of large) seen.add(arbiterOf(root.core)?.peerId)
        return arbiterIn(simulation.roots()) === keeper
      })
      expect(time).toBeLessThan(20_000)
      // none of its followers has changed sides meanwhile
      expect([...seen]).toEqual([keeper])
      expect(termOf(rulerOf(simulation))).toBeGreaterThan(before)
      const { elections } = simulation
      simulation.clock.runUntil(simulation.now + 20 * simulation.profile.lease)
      expect(simulation.elections).toBe(elections)
      expect(simulation.roots().some(({ core }) => saysProvisional(core))).toBe(false)
    },
  )
})

describe('a new arbiter is known everywhere', () => {
  const others = (simulation: Simulation, gone: SimulatedActor) => simulation.roots().filter((root) => root !== gone)
  const replaced = (simulation: Simulation, gone: SimulatedActor) => () => {
    const next = arbiterIn(others(simulation, gone))
    return next !== undefined && next !== gone.id
  }

  test.each(['loopback', 'lan'] as const)('within 1.2 s of the death of the former one (%s)', (profile) => {
    const simulation = settled(8, profile)
    const ruler = rulerOf(simulation)
    simulation.crash(ruler)
    expect(timeUntil(simulation, replaced(simulation, ruler))).toBeLessThan(1_200)
  })

  test.each([3, 8])('within 4.5 s when the former one of %i hangs (lan)', (roots) => {
    const simulation = settled(roots, 'lan')
    const ruler = rulerOf(simulation)
    simulation.pause(ruler, 600_000)
    expect(timeUntil(simulation, replaced(simulation, ruler))).toBeLessThan(4_500)
  })

  test('within some round trips when the former one leaves, long before a lease is over', () => {
    for (const profile of ['loopback', 'lan'] as const) {
      const simulation = settled(8, profile)
      const ruler = rulerOf(simulation)
      simulation.give(ruler, { type: 'leave' })
      expect(timeUntil(simulation, replaced(simulation, ruler))).toBeLessThan(simulation.profile.lease / 5)
    }
  })

  test('also when the handover is lost', () => {
    const simulation = settled(8)
    const ruler = rulerOf(simulation)
    const loss = { loss: 0.7, duplication: 0, delay: 0 }
    simulation.network.disturb({ weather: (from) => (from === ruler.place ? loss : undefined) })
    simulation.give(ruler, { type: 'leave' })
    expect(timeUntil(simulation, replaced(simulation, ruler))).toBeLessThan(2 * simulation.profile.lease)
  })

  test('when the only other root hangs, once it is out of the registry', () => {
    const simulation = settled(2)
    const ruler = rulerOf(simulation)
    const [other] = others(simulation, ruler)
    if (other === undefined) throw new Error('there are two')
    simulation.pause(ruler, 600_000)
    timeUntil(simulation, () => other.core.registry.get(ruler.id) === undefined)
    expect(timeUntil(simulation, replaced(simulation, ruler))).toBeLessThan(2 * simulation.profile.rankDelay)
  })
})

describe('an arbiter that wakes up', () => {
  test('after more than its lease is out of office before it does anything else', () => {
    const simulation = settled(5)
    const ruler = rulerOf(simulation)
    const { lease } = simulation.profile
    simulation.pause(ruler, 2 * lease)
    simulation.clock.runUntil(simulation.now + 2 * lease)
    expect(ruler.core.election.reign).toBeUndefined()
    expect(termOf(rulerOf(simulation))).toBeGreaterThan(0)
  })
})
