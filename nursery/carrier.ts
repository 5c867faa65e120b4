import type { ChildMessage, ParentMessage } from './boot-message.ts'
import type { ActorRef, Cancelled } from '../node/errors.ts'
import type { StepName } from './report.ts'

/** What a carrier's owner hears. */
export interface CarrierEvents {
  onMessage(message: ChildMessage): void
  /** It could not be started, or did not get as far as its own code. */
  onError(error: Error): void
  /** Once; nothing of it is left, as the operating system confirms. @param how as in `its process was killed by …` */
  onExit(how: string, code: number | null): void
  /** Something was done to end it by whoever does that, when that is not its owner. */
  onStep?(step: StepName, why: string): void
  /** It ends, unasked, where its owner cannot see it. @param how as in `nothing was heard of its host for …` */
  onLost?(how: string, cause?: unknown): void
}

/** What carries an actor: a process, or a thread. */
export interface Carrier {
  /** Of the process; a thread has the one of this process. Missing when the process is not, or was not, started. */
  readonly pid: number | undefined
  readonly gone: boolean
  /** The host peer that it runs below, when that is not its owner. */
  readonly host?: ActorRef | undefined
  /** As in `its process`. */
  readonly noun: 'process' | 'thread'
  /** Over the private channel. @throws Error when the message cannot be cloned */
  send(message: ParentMessage): void
  /** A thread has one way to be ended by force, whichever signal is asked for. @returns whether it was still there */
  kill(signal: 'SIGTERM' | 'SIGKILL'): boolean
  /** Hands the events over to another owner. */
  listen(events: CarrierEvents): void
  /** Of what is ended elsewhere: missing when its owner does that. */
  readonly ladder?: Ladder
}

/** Ends what a carrier carries. */
export interface Ladder {
  /**
   * Asks it to end, and uses force when it does not.
   *
   * @param isUp whether there is something to clean up: else it is killed at once, as is what has no grace
   */
  end(reason: Cancelled, isUp: boolean): void
  /** It ends already, by itself or because somebody else asked: force when it is still there after the grace. */
  descend(): void
  kill(why: string): void
  /** Shortens the grace of an end that has begun, or will. */
  hurry(graceMs: number): void
  /** It is gone. */
  stop(): void
}
