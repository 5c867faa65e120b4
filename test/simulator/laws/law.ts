import type { Effect } from '../../../discovery/core/effect.ts'
import type { Input } from '../../../discovery/core/input.ts'
import type { SimulatedActor } from '../actor.ts'

/** One step of one core, as it was taken. */
interface Step {
  readonly actor: SimulatedActor
  readonly input: Input
  readonly effects: readonly Effect[]
  /** Virtual time. */
  readonly now: number
  /** What the actor's own clock showed. */
  readonly local: number
}

/** What a law may know of the simulation that it watches. */
export interface World {
  readonly electorate: Electorate
  /** Whether an actor takes itself for an arbiter that may act, by the rules under test. */
  isArbiter(actor: SimulatedActor): boolean
  /** Virtual time. */
  readonly now: number
  /** Since when nothing has disturbed the network, and nobody was stopped or lost power; Infinity while something does. */
  readonly quietSince: number
  /** How many lives were started so far. */
  readonly lives: number
  running(): readonly SimulatedActor[]
  get(id: string): SimulatedActor | undefined
}

export type Electorate = 'elastic' | 'quorum'

/** Something that must hold. One file holds the laws of one family; `all.ts` lists the families. */
export interface Law {
  /** What holds, in words. */
  readonly title: string
  /**
   * Called after each step, with whatever that step may have changed: look at the actor that stepped, not at all of
   * them. @throws Error made by `broken` when it does not hold
   */
  onStep?(step: Step): void
  /** Called when an actor has stopped running, however it ended. */
  onEnd?(actor: SimulatedActor): void
  /** What does not hold among these, who can all reach each other and were left in peace; in words. */
  settled?(component: readonly SimulatedActor[]): Iterable<string>
}

/** Makes the laws of a family for one simulation; what they remember is theirs. */
export type LawFamily = (world: World) => readonly Law[]

/** A law was broken: its title and how. */
export class Broken extends Error {
  readonly law: string

  constructor(law: string, how: string) {
    super(`${how} (law: ${law})`)
    this.name = 'Broken'
    this.law = law
  }
}
