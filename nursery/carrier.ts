import type { ChildMessage, ParentMessage } from './boot-message.ts'

/** What a carrier's owner hears. */
export interface CarrierEvents {
  onMessage(message: ChildMessage): void
  /** It could not be started, or did not get as far as its own code. */
  onError(error: Error): void
  /** Once; nothing of it is left, as the operating system confirms. @param how as in `its process was killed by …` */
  onExit(how: string, code: number | null): void
}

/** What carries an actor: a process, or a thread. */
export interface Carrier {
  /** Of the process; a thread has the one of this process. Missing when the process could not be started. */
  readonly pid: number | undefined
  readonly gone: boolean
  /** As in `its process`. */
  readonly noun: 'process' | 'thread'
  /** Over the private channel. @throws Error when the message cannot be cloned */
  send(message: ParentMessage): void
  /** A thread has one way to be ended by force, whichever signal is asked for. @returns whether it was still there */
  kill(signal: 'SIGTERM' | 'SIGKILL'): boolean
  /** Hands the events over to another owner. */
  listen(events: CarrierEvents): void
}
