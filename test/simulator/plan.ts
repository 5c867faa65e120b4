import { profiles } from '../../discovery/profile.ts'
import type { ProfileName } from '../../discovery/profile.ts'
import { faults, faultNames } from './faults/all.ts'
import type { FaultName } from './faults/all.ts'
import type { Electorate } from './laws/law.ts'
import { between, pick, seeded, shuffled, wholeBetween } from './rng.ts'
import type { Rng } from './rng.ts'

/** Random faults all the time (only what must hold at every step is checked), or faults that stop, and peace. */
export type Mode = 'safety' | 'liveness'

/** What a plan is made from; the rest follows from the seed. */
export interface PlanOptions {
  readonly seed: number
  readonly mode?: Mode | undefined
  readonly electorate?: Electorate | undefined
  readonly profile?: ProfileName | undefined
  /** Roots at the beginning; 3 to 12 when left out. */
  readonly nodes?: number | undefined
  /** Kinds of faults; some of all when left out. */
  readonly faults?: readonly FaultName[] | undefined
  /** How long faults happen, in milliseconds; 10 of the profile's leases when left out. */
  readonly disturbed?: number | undefined
}

/** One thing that happens; `seed` is all that its choices depend on. */
export interface Happening {
  readonly at: number
  readonly what: 'root' | 'child' | FaultName
  readonly seed: number
  readonly lasts: number
}

/** One run: a mesh comes up, is disturbed, and is left in peace. */
export interface Plan {
  readonly seed: number
  readonly mode: Mode
  readonly electorate: Electorate
  readonly profile: ProfileName
  readonly disturbed: number
  readonly skewed: boolean
  /** Names of the electors, or how many there are, of a declared electorate. */
  readonly quorum: readonly string[] | number | undefined
  /** What the plan was made from. */
  readonly given: PlanOptions
  /** In the order of time. */
  readonly happenings: readonly Happening[]
}

/** Makes the plan of a seed: the same one every time. */
export function makePlan(options: PlanOptions): Plan {
  const { seed, mode = 'liveness', electorate = 'elastic', profile = 'loopback' } = options
  const rng = seeded(seed ^ 0x5eed)
  // times follow the profile: what disturbs a mesh on one machine is nothing to one across the world
  const scale = profiles[profile].lease / profiles.loopback.lease
  const disturbed = options.disturbed ?? 15_000 * scale
  const happenings: Happening[] = []
  const add = (at: number, what: Happening['what'], lasts = 0): void => {
    happenings.push({ at, what, seed: Math.floor(rng() * 2 ** 32), lasts })
  }
  for (let roots = options.nodes ?? wholeBetween(rng, 3, 12); roots > 0; roots--) {
    // many at the same moment: the hardest start
    add(rng() < 0.5 ? 0 : between(rng, 0, 3_000) * scale, 'root')
  }
  const quorum = electorate === 'quorum' ? electorsAmong(happenings, rng) : undefined
  const children = Math.min(24, happenings.length * 1.5 * rng())
  for (let child = 0; child < children; child++) add(between(rng, 10, 4_000) * scale, 'child')
  const kinds = (options.faults ?? someKinds(rng)).filter(
    (kind) => typeof quorum !== 'number' || !newcomers.includes(kind),
  )
  let at = between(rng, 0, 2_000) * scale
  while (at < disturbed && kinds.length > 0) {
    const kind = pick(rng, kinds) ?? 'weather'
    const [low, high] = faults[kind].lasts
    add(at, kind, between(rng, low, high) * scale)
    at += between(rng, 50, 2_000) * scale
  }
  const skewed = rng() < 0.5
  for (let claims = wholeBetween(rng, 0, 40); claims > 0; claims--) {
    add(between(rng, 0, disturbed), 'claim', between(rng, ...faults.claim.lasts) * scale)
  }
  happenings.sort((a, b) => a.at - b.at)
  return { seed, mode, electorate, profile, disturbed, skewed, quorum, given: options, happenings }
}

/** The plan with only some of its happenings, by their numbers. */
export function only(plan: Plan, kept: readonly number[]): Plan {
  const numbers = new Set(kept)
  return { ...plan, happenings: plan.happenings.filter((_, index) => numbers.has(index)) }
}

/** The id of a root that starts with a plan. */
export function rootId({ seed }: Happening): string {
  return `root${seed.toString(36)}`
}

/** The name that a root has when it starts with a plan. */
export function rootName(id: string): string {
  return `name of ${id}`
}

/** Faults that bring roots with names of their own. */
const newcomers: readonly FaultName[] = ['newRoot', 'joinStorm', 'seedsLost']

/**
 * Some of the roots, or a size. Of a declared size more than half of all roots are needed: two groups that never met
 * would else be two electorates, which is what a size cannot prevent.
 */
function electorsAmong(roots: readonly Happening[], rng: Rng): readonly string[] | number {
  // with more that want to be electors than were declared there is no electorate, which has to be tried as well
  if (rng() < 0.3) return Math.min(15, roots.length)
  if (rng() < 0.15) return wholeBetween(rng, Math.floor(roots.length / 2) + 1, roots.length)
  const size = Math.min(roots.length, pick(rng, [1, 3, 3, 4, 5, 5]) ?? 3)
  return shuffled(rng, roots)
    .slice(0, size)
    .map((root) => rootName(rootId(root)))
}

function someKinds(rng: Rng): readonly FaultName[] {
  return shuffled(rng, faultNames).slice(0, wholeBetween(rng, 1, rng() < 0.5 ? 4 : faultNames.length))
}
