import { InvalidArgument } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { ParentMessage, PrepareMessage } from './boot-message.ts'
import type { Carrier, CarrierEvents } from './carrier.ts'
import { startProcess } from './process-carrier.ts'

/** Processes that wait for their name, unless told otherwise. */
export const WARM_ACTORS = 2
/** The most of them. */
export const MAX_WARM_ACTORS = 64

/** @throws InvalidArgument when it is no whole number from 1 to {@link MAX_WARM_ACTORS} */
export function checkWarmActors(size: number): void {
  if (!(Number.isInteger(size) && size >= 1 && size <= MAX_WARM_ACTORS))
    throw new InvalidArgument(`warmActors is 1 to ${MAX_WARM_ACTORS}, got ${size}`)
}

const log = areaLog('nursery')

/**
 * Processes that were booted beforehand, are connected to this actor, and wait for their name.
 *
 * One actor a process, and none is used again: what an actor leaves in its memory never meets another one. A taken
 * process is replaced once it is an actor, so that the new one's boot does not slow it.
 */
export class WarmPool {
  readonly #size: number
  readonly #message: () => PrepareMessage
  readonly #waiting: Carrier[] = []
  readonly #all = new Map<Carrier, Promise<void>>()
  #booting = 0
  #closed = false

  constructor(size: number, message: () => PrepareMessage) {
    this.#size = size
    this.#message = message
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** A process that waits, if there is one; its events are the new owner's from now on. */
  take(events: CarrierEvents): Carrier | undefined {
    const carrier = this.#waiting.shift()
    if (carrier === undefined) return undefined
    this.#all.delete(carrier)
    carrier.listen(events)
    return carrier
  }

  tell(message: ParentMessage): void {
    for (const carrier of this.#all.keys()) carrier.send(message)
  }

  /** Starts as many processes as are missing; one that does not come up is not tried again by itself. */
  fill(): void {
    while (!this.#closed && this.#waiting.length + this.#booting < this.#size) this.#start()
  }

  /** Ends those that wait; resolves when they are gone. They have nothing to clean up. */
  async close(): Promise<void> {
    this.#closed = true
    for (const carrier of this.#all.keys()) carrier.kill('SIGKILL')
    await Promise.all(this.#all.values())
  }

  #start(): void {
    const gone = Promise.withResolvers<void>()
    let isBooting = true
    this.#booting += 1
    const booted = (): void => {
      if (isBooting) this.#booting -= 1
      isBooting = false
    }
    const forget = (): void => {
      booted()
      this.#all.delete(carrier)
      const at = this.#waiting.indexOf(carrier)
      if (at >= 0) this.#waiting.splice(at, 1)
      gone.resolve()
    }
    const carrier: Carrier = startProcess(
      { name: '', stdio: 'inherit', limits: {} },
      {
        onMessage: ({ type }) => {
          if (type !== 'prepared' || this.#closed) return
          booted()
          this.#waiting.push(carrier)
        },
        onError: (error) => log.debug('a warm process could not be started', error),
        onExit: forget,
      },
    )
    this.#all.set(carrier, gone.promise)
    carrier.send(this.#message())
  }
}
