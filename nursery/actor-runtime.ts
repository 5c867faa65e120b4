import type { Access } from '../discovery/ledger-keeper.ts'
import type { Discovery } from '../discovery/discovery.ts'
import type { ActorEvents } from '../node/actor-events.ts'
import type { CancelScope } from '../node/cancel-scope.ts'
import type { Actor } from '../node/current-actor.ts'
import { type Cancelled, GreenroomError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { PerActor } from '../node/per-actor.ts'
import type { ProcessMeter } from '../node/process-meter.ts'
import type { Target } from '../rpc/caller.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { CarrierStarter } from './carriers.ts'
import type { Children } from './children.ts'
import type { Observation } from './observation.ts'
import type { Books } from './report.ts'
import type { RuntimeOptions } from './runtime-options.ts'

/** A nursery that is open. */
export interface LiveNursery {
  readonly scope: CancelScope
  readonly books: Books
}

/** Everything that makes this process an actor. */
export interface ActorRuntime {
  readonly options: RuntimeOptions
  readonly actor: Actor
  readonly self: Target
  /** Peer id of the top actor of this tree. */
  readonly root: string
  /** An address of the root, when it passes on connections to the actors below. */
  readonly relay: string | undefined
  readonly scope: CancelScope
  readonly host: Host
  readonly rpc: Rpc
  readonly discovery: Discovery
  readonly carriers: CarrierStarter
  readonly children: Children
  /** What happens in this actor. */
  readonly events: ActorEvents
  /** What happens here and below, for those who observe. */
  readonly observation: Observation
  readonly meter: ProcessMeter
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Peer ids that are kept out. */
  readonly banned: readonly string[]
  /** Takes over who may connect, here and below. */
  admit(access: Access): void
  /** Runs a nursery; `stop` waits for its end, whoever else does. */
  track<T>(nursery: LiveNursery, run: () => Promise<T>): Promise<T>
  /** Those that are open, in the order in which they were opened. */
  nurseries(): LiveNursery[]
  /** Has something done when it is closed, before what it stands on is. */
  atEnd(stop: () => unknown): void
  /** Cancels what runs, leaves the mesh and closes everything, within a bound; later calls wait for the first one. */
  stop(why: string | Cancelled): Promise<void>
}

const runtimes = new PerActor<ActorRuntime>()

/** Makes it that of this process; gives the function that undoes it. */
export function becomeRuntime(runtime: ActorRuntime): () => void {
  return runtimes.set(runtime, runtime.scope)
}

/** @throws GreenroomError `NO_ACTOR` when this process is no actor */
export function currentRuntime(): ActorRuntime {
  const runtime = runtimes.current
  if (runtime === undefined)
    throw new GreenroomError(
      'NO_ACTOR',
      'no actor is running in this process: call it inside run() or after joinMesh()',
    )
  return runtime
}
