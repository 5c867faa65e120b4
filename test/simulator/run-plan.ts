import { sameDigest } from '../../discovery/core/fact.ts'
import { faults } from './faults/all.ts'
import { Broken } from './laws/law.ts'
import type { LawFamily } from './laws/law.ts'
import { rootId, rootName } from './plan.ts'
import type { Happening, Plan } from './plan.ts'
import { pick, seeded } from './rng.ts'
import type { Rng } from './rng.ts'
import { Simulation } from './simulation.ts'
import type { CoreUnderTest } from './simulation-options.ts'

/** What came of a run. */
export interface Outcome {
  readonly hash: string
  /** The law that was broken, the first one if there are several. */
  readonly law: string | undefined
  /** Breaches of the laws, in words; none is what one hopes for. */
  readonly breaches: readonly string[]
  /** The end of the trace, when it was asked for. */
  readonly lines: readonly string[]
  readonly elections: number
  readonly actors: number
  readonly events: number
}

/** How a run is watched. */
export interface RunOptions {
  /** How many of the last lines of the trace to keep. */
  readonly keepTrace?: number
  readonly laws?: readonly LawFamily[]
  readonly core?: CoreUnderTest
}

/** Leases that a mesh gets to heal: longer than the slowest retry, that of a root which was declared dead. */
const healingLeases = 20
/** Leases of peace in which nobody may be elected any more. */
const peacefulLeases = 10
/** Batches in which those who are there hear of what happens in peace, and in which, after a sync, newcomers do. */
const soonBatches = 10
const newsBatches = 24
/** Breaches that are told of one law. */
const told = 6

/** Runs a plan from start to peace and holds it to the laws. */
export function runPlan(plan: Plan, options: RunOptions = {}): Outcome {
  const { seed, quorum, profile, skewed, mode } = plan
  const simulation = new Simulation({ seed, quorum, profile, skewed, ...options })
  const breaches: string[] = []
  let broken: string | undefined
  try {
    schedule(simulation, plan)
    simulation.clock.runUntil(plan.disturbed)
    if (mode === 'liveness') liveOn()
  } catch (error) {
    note(
      error instanceof Broken ? error.law : 'the core throws nothing',
      String(error instanceof Error ? (error.stack ?? error) : error),
    )
  }
  const { trace, elections, clock } = simulation
  return {
    hash: trace.hash,
    law: broken,
    breaches,
    lines: trace.lines,
    elections,
    actors: simulation.running().length,
    events: clock.events,
  }

  function liveOn(): void {
    const { lease, batch, sync } = simulation.profile
    const wait = (ms: number): void => simulation.clock.runUntil(simulation.now + ms)
    wait(healingLeases * lease)
    inPeace()
    if (broken !== undefined) return
    const audience = simulation.running()
    makeNews(simulation, seeded(seed ^ 0x4e45))
    wait(soonBatches * batch + 4 * simulation.network.farthest)
    const [first, ...others] = audience.filter(({ running }) => running)
    for (const { id, core } of others) {
      if (first === undefined || sameDigest(core.registry.digest, first.core.registry.digest)) continue
      note(`in peace news is everywhere within ${soonBatches} batches`, `${id} knows other news than ${first.id}`)
    }
    wait(newsBatches * batch + 1.25 * sync)
    inPeace()
    if (broken !== undefined) return
    faults.brokenLinks.fault(simulation, seeded(seed), 0)
    // an end may take longer than a lease to notice
    wait(3 * lease)
    const { elections } = simulation
    wait(peacefulLeases * lease)
    inPeace()
    const further = simulation.elections - elections
    if (further > 0) note('in peace nobody is elected again', `${further} further terms within 10 leases`)
  }

  function inPeace(): void {
    const component = simulation.running()
    for (const law of simulation.laws) {
      let count = 0
      for (const breach of law.settled?.(component) ?? []) {
        if (count++ < told) note(law.title, breach)
      }
    }
  }

  function note(law: string, breach: string): void {
    broken ??= law
    breaches.push(breach)
  }
}

/** What happens every day: actors start and end, and change what they say. */
function makeNews(simulation: Simulation, rng: Rng): void {
  for (const what of ['newChild', 'edits', 'crashChild', 'newChild'] as const) {
    faults[what].fault(simulation, rng, 0)
  }
}

function schedule(simulation: Simulation, plan: Plan): void {
  const ends = new Set<() => void>()
  for (const happening of plan.happenings) {
    simulation.clock.at(happening.at, () => {
      const end = happen(simulation, happening)
      if (end === undefined) return
      ends.add(end)
      simulation.clock.after(happening.lasts, () => {
        if (ends.delete(end)) end()
      })
    })
  }
  if (plan.mode === 'safety') return
  simulation.clock.at(plan.disturbed, () => {
    for (const end of ends) end()
    ends.clear()
    reviveElectors(simulation)
  })
}

function happen(simulation: Simulation, happening: Happening): (() => void) | undefined {
  const { what, seed, lasts } = happening
  const rng = seeded(seed)
  if (what === 'root') {
    const id = rootId(happening)
    simulation.startRoot(id, { name: rootName(id) })
    return undefined
  }
  if (what !== 'child') return faults[what].fault(simulation, rng, lasts)
  const parent = pick(rng, simulation.running())
  if (parent !== undefined && !parent.core.leaving) simulation.startChild(`${parent.id}.${seed.toString(36)}`, parent)
  return undefined
}

/** A declared electorate that is to have an arbiter needs its electors: those that are gone start again, with their disks. */
function reviveElectors(simulation: Simulation): void {
  if (simulation.quorum === undefined) return
  const running = new Set(simulation.roots().map(({ name }) => name))
  for (const { id, name, place } of simulation.endedRoots()) {
    if (running.has(name) || !isElector(simulation, name)) continue
    running.add(name)
    simulation.startRoot(id, { place, name })
  }
}

/** Whether a name is on the roll, or may be: of a declared size only the disks know who has agreed. */
function isElector({ quorum, disks }: Simulation, name: string): boolean {
  return quorum?.electors?.includes(name) ?? disks.read(name)?.roll.includes(name) ?? false
}
