import { type LogLevel, passingLogLevel } from '../node/log.ts'
import type { ActorProcess } from './actor-process.ts'
import type { Observation } from './observation.ts'

/** The children of an actor that are up, whichever nursery started them. */
export class Children {
  readonly #all = new Set<ActorProcess>()
  /** Of others, on other hosts: they are ended by way of this process, and observed by their owners. */
  readonly #guests = new Set<ActorProcess>()
  readonly #observation: Observation

  constructor(observation: Observation) {
    this.#observation = observation
  }

  /** A child is up; it is forgotten when it has ended. */
  add(process: ActorProcess): void {
    this.#all.add(process)
    const forget = this.#observation.add(process)
    const passing = passingLogLevel()
    if (passing !== undefined) process.setLogLevel(passing.level, passing.forMs)
    void process.exited.then(() => {
      this.#all.delete(process)
      forget()
    })
  }

  /** One that runs below this process for an actor on another host is up. */
  addGuest(process: ActorProcess): void {
    this.#guests.add(process)
    void process.exited.then(() => this.#guests.delete(process))
  }

  /** By its peer id. */
  find(id: string): ActorProcess | undefined {
    return [...this.#all, ...this.#guests].find((child) => child.id === id)
  }

  setLogLevel(level: LogLevel, forMs: number | undefined): void {
    for (const child of this.#all) child.setLogLevel(level, forMs)
  }
}
