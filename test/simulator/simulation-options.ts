import type { step } from '../../discovery/core/core.ts'
import type { isArbiter } from '../../discovery/core/election.ts'
import type { PeerHint } from '../../discovery/core/input.ts'
import type { createCore } from '../../discovery/core/state.ts'
import type { Profile, ProfileName } from '../../discovery/profile.ts'
import type { Place } from './actor.ts'
import type { LawFamily } from './laws/law.ts'
import type { NetworkClass } from './network.ts'

/** The functions of the core that a simulation drives: the project's own, or ones with a rule turned off. */
export interface CoreUnderTest {
  readonly createCore: typeof createCore
  readonly step: typeof step
  readonly isArbiter: typeof isArbiter
}

export interface SimulationOptions {
  readonly seed: number
  /** Times of the cores; `loopback` when left out. */
  readonly profile?: ProfileName | Profile
  /** What lies between the machines; like the profile when left out. */
  readonly network?: NetworkClass
  /** The electors of a declared electorate, by name, or how many there are; elastic when left out. */
  readonly quorum?: readonly string[] | number | undefined
  /** How a root hears of others: from a rendezvous that all share (the default), or from so many seeds. */
  readonly seeds?: number
  /** Whether clocks are wrong, each in its own way. */
  readonly skewed?: boolean
  /** How many of the last lines of the trace to keep. */
  readonly keepTrace?: number
  /** Whether each message is encoded and read again; on unless a large mesh has no time for that. */
  readonly wire?: boolean
  readonly countBytes?: boolean
  /** Whether a trace is kept at all; on unless a large mesh has no time for that. */
  readonly traced?: boolean
  readonly laws?: readonly LawFamily[]
  readonly core?: CoreUnderTest
}

/** How a root starts. */
export interface RootStart {
  /** The machine; one of its own when left out. */
  readonly place?: Place | undefined
  /** One of its own when left out. */
  readonly name?: string | undefined
  /** Whom it is told of instead of what the rendezvous shows. */
  readonly peers?: readonly PeerHint[] | undefined
}
