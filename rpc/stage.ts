import type { ActorStats } from '../node/actor-stats.ts'
import type { CancelScope } from '../node/cancel-scope.ts'
import type { ActorRef, Cancelled } from '../node/errors.ts'
import type { RelayDesk } from './broadcast.ts'
import type { ExposedFunction } from './exposed.ts'
import type { CallKind, FunctionDescription } from './protocol.ts'
import type { CallOutcome } from './stats.ts'
import type { StreamArrivals } from './stream-arrivals.ts'
import type { Task } from './task.ts'

/** What a lane needs of the actor that it serves. */
export interface Stage {
  readonly self: ActorRef
  /** The scope that tasks run in: the actor's. */
  readonly scope: CancelScope
  readonly arrivals: StreamArrivals
  /** Passes on what is for actors below this one. */
  readonly relays: RelayDesk
  /** @throws NotExposed, InvalidArgument when it cannot be called so */
  admit(functionId: string, kind: CallKind, peer: string): ExposedFunction
  /** A call is answered without being run. */
  refused(): void
  /** What a call says of its trace is nothing that could be. */
  malformedTrace(): void
  describe(): FunctionDescription[]
  stats(): ActorStats
  cancelActor(reason: Cancelled, peer: string): void
  /** Whether calls that end by this cancel get no reply: the end of the actor is one. */
  isSilent(reason: Cancelled | undefined): boolean
  began(task: Task): void
  ended(task: Task, outcome: CallOutcome): void
}
