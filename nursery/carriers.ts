import type { ParentMessage, PrepareMessage } from './boot-message.ts'
import type { Carrier, CarrierEvents } from './carrier.ts'
import type { StartMethod } from './start-method.ts'
import { type CarrierOptions, isInspected, startProcess } from './process-carrier.ts'
import { startThread } from './thread-carrier.ts'
import { WarmPool } from './warm-pool.ts'

/** What starts the carriers of the actors below one. */
export type CarrierStarter = Pick<Carriers, 'start' | 'tell' | 'warmUp' | 'waiting' | 'close'>

/** Starts what carries an actor, by each of the start methods. */
export class Carriers {
  readonly #pool: () => WarmPool
  #filled: WarmPool | undefined
  readonly #started = new Set<Carrier>()

  /** @param prepare what a warm process is told before it has a name */
  constructor(prepare: () => Omit<PrepareMessage, 'type'>, warmActors: number) {
    this.#pool = () => new WarmPool(warmActors, () => ({ type: 'prepare', ...prepare() }))
  }

  /** A warm process when there is one that waits; else one is booted as usual. */
  start(method: StartMethod, options: CarrierOptions, events: CarrierEvents): Carrier {
    const carrier = this.#begin(method, options, {
      ...events,
      onExit: (how, code) => {
        this.#started.delete(carrier)
        events.onExit(how, code)
      },
    })
    this.#started.add(carrier)
    return carrier
  }

  /** Tells everything that carries an actor below this one, also what waits for its name. */
  tell(message: ParentMessage): void {
    for (const carrier of this.#started) carrier.send(message)
    this.#filled?.tell(message)
  }

  #begin(method: StartMethod, options: CarrierOptions, events: CarrierEvents): Carrier {
    if (method === 'thread') return startThread(options, events)
    const warm = method === 'warm' && !isInspected(options.name) ? this.#filled?.take(events) : undefined
    return warm ?? startProcess(options, events)
  }

  /** Boots what is missing of the warm processes, so that the next ones are there when they are wanted. */
  warmUp(): void {
    this.#filled ??= this.#pool()
    this.#filled.fill()
  }

  /** Processes that wait for their name. */
  get waiting(): number {
    return this.#filled?.waiting ?? 0
  }

  async close(): Promise<void> {
    await this.#filled?.close()
  }
}
