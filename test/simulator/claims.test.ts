import { describe, expect, test } from 'vitest'
import { holds } from '../../discovery/core/claims.ts'
import { compareFences } from '../../discovery/core/fence.ts'
import type { Fence } from '../../discovery/core/fence.ts'
import { profiles } from '../../discovery/profile.ts'
import type { SimulatedActor } from './actor.ts'
import { partition } from './faults/network-faults.ts'
import { Simulation } from './simulation.ts'

const { claimLease, claimRenew, lease } = profiles.loopback
const settling = 15_000

/** A mesh at peace: so many roots, each with one child. */
function settled(roots: number): Simulation {
  const simulation = new Simulation({ seed: 11 })
  for (let index = 0; index < roots; index++) {
    const root = simulation.startRoot(`r${index}`)
    simulation.startChild(`r${index}.child`, root)
  }
  simulation.clock.runUntil(settling)
  return simulation
}

function arbiterOf(simulation: Simulation): SimulatedActor {
  const arbiter = simulation.roots().find(({ core }) => core.election.reign !== undefined)
  if (arbiter === undefined) throw new Error('no arbiter')
  return arbiter
}

/** A root, or its child, that is neither the arbiter nor linked with it when the mesh is large. */
function bystander(simulation: Simulation, skip: number): SimulatedActor {
  const arbiter = arbiterOf(simulation)
  const others = simulation.roots().filter((root) => root !== arbiter)
  const apart = others.filter((root) => !root.links.has(arbiter.id))
  const chosen = (apart.length > skip ? apart : others)[skip]
  if (chosen === undefined) throw new Error('no root')
  return chosen
}

function childOf(simulation: Simulation, root: SimulatedActor): SimulatedActor {
  const child = simulation.get(`${root.id}.child`)
  if (child === undefined) throw new Error('no child')
  return child
}

function fenceOf({ core }: SimulatedActor, id: number): Fence | undefined {
  return core.claims.own.get(id)?.fence
}

function isHeld(actor: SimulatedActor, id: number, { now }: Simulation): boolean {
  return actor.running && holds(actor.core, id, actor.localTime(now))
}

/** Milliseconds until something holds, in steps of 5; at most half a minute. */
function timeUntil(simulation: Simulation, what: () => boolean): number {
  const from = simulation.now
  while (!what() && simulation.now < from + 30_000) simulation.clock.runUntil(simulation.now + 5)
  return simulation.now - from
}

function claim(simulation: Simulation, actor: SimulatedActor, id: number): number {
  simulation.give(actor, { type: 'claim', id, name: 'crown' })
  return timeUntil(simulation, () => isHeld(actor, id, simulation))
}

describe.each([4, 40])('among %i roots', (roots) => {
  test('a free name is granted within 100 ms, to a child of a root without a link to the arbiter too', () => {
    const simulation = settled(roots)
    expect(claim(simulation, childOf(simulation, bystander(simulation, 0)), 1)).toBeLessThanOrEqual(100)
  })

  test('a name that is given up is with the next one within 50 ms', () => {
    const simulation = settled(roots)
    const [first, second] = [bystander(simulation, 0), bystander(simulation, 1)]
    claim(simulation, first, 1)
    simulation.give(second, { type: 'claim', id: 2, name: 'crown' })
    simulation.clock.runUntil(simulation.now + 1_000)
    expect(isHeld(second, 2, simulation)).toBe(false)
    simulation.give(first, { type: 'unclaim', ids: [1] })
    expect(timeUntil(simulation, () => isHeld(second, 2, simulation))).toBeLessThanOrEqual(50)
  })

  test('the name of a killed root is with the next one within 300 ms, that of a killed child within 100 ms', () => {
    for (const [level, bound] of [
      ['root', 300],
      ['child', 100],
    ] as const) {
      const simulation = settled(roots)
      const root = bystander(simulation, 0)
      const victim = level === 'root' ? root : childOf(simulation, root)
      const heir = bystander(simulation, 1)
      claim(simulation, victim, 1)
      simulation.give(heir, { type: 'claim', id: 2, name: 'crown' })
      simulation.clock.runUntil(simulation.now + 1_000)
      simulation.crash(victim)
      expect(timeUntil(simulation, () => isHeld(heir, 2, simulation))).toBeLessThanOrEqual(bound)
    }
  })

  test('the name of a root whose machine lost power is with the next one after its lease, not before', () => {
    const simulation = settled(roots)
    const [victim, heir] = [bystander(simulation, 0), bystander(simulation, 1)]
    claim(simulation, victim, 1)
    simulation.give(heir, { type: 'claim', id: 2, name: 'crown' })
    simulation.clock.runUntil(simulation.now + 1_000)
    simulation.crash(victim, true)
    const taken = timeUntil(simulation, () => isHeld(heir, 2, simulation))
    expect(taken).toBeGreaterThan(claimLease - claimRenew)
    expect(taken).toBeLessThan(claimLease + lease / 3 + 100)
  })

  test('over the death of the arbiter a name is kept, and a free one is granted after the grace period', () => {
    const simulation = settled(roots)
    const [holder, heir] = [bystander(simulation, 0), bystander(simulation, 1)]
    claim(simulation, holder, 1)
    simulation.crash(arbiterOf(simulation))
    simulation.give(heir, { type: 'claim', id: 2, name: 'orb' })
    let kept = true
    const taken = timeUntil(simulation, () => {
      kept &&= isHeld(holder, 1, simulation)
      return isHeld(heir, 2, simulation)
    })
    expect(kept).toBe(true)
    expect(taken).toBeGreaterThan(claimLease + lease)
    expect(taken).toBeLessThan(claimLease + lease + 1_200)
  })

  test('when the arbiter leaves, its successor has its books: names are kept, and free ones granted at once', () => {
    const simulation = settled(roots)
    const [holder, heir] = [bystander(simulation, 0), bystander(simulation, 1)]
    claim(simulation, childOf(simulation, holder), 1)
    simulation.give(arbiterOf(simulation), { type: 'leave' })
    simulation.clock.runUntil(simulation.now + 50)
    simulation.give(heir, { type: 'claim', id: 2, name: 'crown' })
    simulation.give(heir, { type: 'claim', id: 3, name: 'orb' })
    expect(timeUntil(simulation, () => isHeld(heir, 3, simulation))).toBeLessThan(500)
    simulation.clock.runUntil(simulation.now + claimLease)
    expect([isHeld(childOf(simulation, holder), 1, simulation), isHeld(heir, 2, simulation)]).toEqual([true, false])
  })

  test('an arbiter that leaves before all holders have told it does not hand over what it knows as all there is', () => {
    const simulation = settled(roots)
    // not those who rule next
    const [holder, heir] = [bystander(simulation, 2), bystander(simulation, 1)]
    const child = childOf(simulation, holder)
    claim(simulation, child, 1)
    const first = arbiterOf(simulation)
    simulation.crash(first)
    // it holds the name for its lease, and the next arbiter does not hear of it
    simulation.pause(child, 1_500)
    const rulesAnew = (): boolean => simulation.roots().some(({ core }) => core.election.reign !== undefined)
    timeUntil(simulation, rulesAnew)
    simulation.give(arbiterOf(simulation), { type: 'leave' })
    simulation.give(heir, { type: 'claim', id: 2, name: 'crown' })
    let both = false
    const until = simulation.now + 2 * claimLease
    timeUntil(simulation, () => {
      both ||= isHeld(child, 1, simulation) && isHeld(heir, 2, simulation)
      return simulation.now >= until
    })
    expect([both, isHeld(child, 1, simulation)]).toEqual([false, true])
  })
})

test('two parts of an elastic mesh each grant a name, and one holder is left when they meet: that with the higher fence', () => {
  const simulation = settled(6)
  const roots = simulation.roots()
  const mend = partition(simulation, () => 0.5, 0)
  for (const root of roots) {
    for (const link of root.links.values()) {
      if (!simulation.network.open(link.a.place, link.b.place)) simulation.breakLink(link)
    }
  }
  simulation.clock.runUntil(simulation.now + 15_000)
  const [here] = roots
  const there = roots.find(({ place }) => here !== undefined && !simulation.network.open(here.place, place))
  if (here === undefined || there === undefined) throw new Error('one side only')
  claim(simulation, here, 1)
  claim(simulation, there, 2)
  expect([isHeld(here, 1, simulation), isHeld(there, 2, simulation)]).toEqual([true, true])
  const fences = [fenceOf(here, 1), fenceOf(there, 2)]
  mend?.()
  const one = (): boolean => isHeld(here, 1, simulation) !== isHeld(there, 2, simulation)
  expect(timeUntil(simulation, one)).toBeLessThan(20_000)
  simulation.clock.runUntil(simulation.now + 2 * claimLease)
  expect(one()).toBe(true)
  const [ours, theirs] = fences
  if (ours === undefined || theirs === undefined) throw new Error('no fence')
  expect(isHeld(here, 1, simulation)).toBe(compareFences(ours, theirs) > 0)
})

test('a holder sends one message a renewal, and gets one', () => {
  const simulation = settled(4)
  const count = (): number => {
    const before = simulation.messages
    simulation.clock.runUntil(simulation.now + 60_000)
    return simulation.messages - before
  }
  const idle = count()
  claim(simulation, bystander(simulation, 0), 1)
  const more = count() - idle
  expect(more).toBeGreaterThan(90)
  expect(more).toBeLessThan(200)
})
