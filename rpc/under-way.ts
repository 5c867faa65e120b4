import type { ActorRef } from '../node/errors.ts'

/** A call that has no outcome yet, at its caller's side. */
export interface CallMade {
  readonly functionId: string
  readonly actor: ActorRef
  /** On the clock of `performance.now()`. */
  readonly since: number
}

/** A call that runs here. */
export interface CallServed {
  readonly functionId: string
  /** Peer id of the caller. */
  readonly peer: string
  /** On the clock of `performance.now()`. */
  readonly since: number
}

/** The calls of one actor that have not ended. */
export interface UnderWay {
  readonly made: CallMade[]
  readonly served: CallServed[]
}
