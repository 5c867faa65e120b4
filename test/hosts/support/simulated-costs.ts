import type { ProfileName } from '../../../discovery/profile.ts'
import type { LawFamily } from '../../simulator/laws/law.ts'
import { Simulation } from '../../simulator/simulation.ts'

/** What a mesh costs: a second and root when nothing happens, and all in all when one more root joins. */
export interface Costs {
  readonly messages: number
  readonly bytes: number
  /** Discovery streams of a root. */
  readonly links: number
  readonly joinersDials: number
  readonly othersDials: number
}

/** Milliseconds between two starts, in the simulation's time. */
const START_MS = 500
const SEED = 1

/** The same mesh as on real hosts, in the simulator: all but the first root join by the first one. */
export function simulatedCosts(count: number, profile: ProfileName, restMs: number, watchMs: number): Costs {
  const dials = new Map<string, number>()
  let messages = 0
  const counting: LawFamily = () => [
    {
      title: 'everything is counted',
      onStep: ({ actor, effects }) => {
        for (const { type } of effects) {
          if (type === 'send') messages++
          if (type === 'dial') dials.set(actor.id, (dials.get(actor.id) ?? 0) + 1)
        }
      },
    },
  ]
  // all hosts are on this machine, whatever the profile expects
  const simulation = new Simulation({ seed: SEED, profile, network: 'loopback', countBytes: true, laws: [counting] })
  const first = simulation.startRoot('root0')
  for (let i = 1; i < count; i++) {
    simulation.clock.runUntil(simulation.now + (i === count - 1 ? restMs : START_MS))
    if (i === count - 1) dials.clear()
    simulation.startRoot(`root${i}`, { peers: [{ peerId: first.id, addrs: [first.address], eager: true }] })
  }
  simulation.clock.runUntil(simulation.now + restMs)
  const roots = simulation.roots()
  const bytesBefore = roots.reduce((sum, { bytes }) => sum + bytes, 0)
  const messagesBefore = messages
  simulation.clock.runUntil(simulation.now + watchMs)
  const seconds = (count * watchMs) / 1_000
  const all = [...dials.values()].reduce((sum, one) => sum + one, 0)
  const joinersDials = dials.get(`root${count - 1}`) ?? 0
  return {
    messages: (messages - messagesBefore) / seconds,
    bytes: (roots.reduce((sum, { bytes }) => sum + bytes, 0) - bytesBefore) / seconds,
    links: roots.reduce((sum, { links }) => sum + links.size, 0) / count,
    joinersDials,
    othersDials: all - joinersDials,
  }
}
