import type { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, Cancelled, describeError, RemoteActorError } from '../node/errors.ts'
import type { ActorProcess } from './actor-process.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import type { Family } from './family.ts'
import type { ChildPage } from './report.ts'

/**
 * Milliseconds that a one-shot whose main task is done stays for the one-shots that were running beside it: they may be
 * about to call it, as two actors that greet each other do.
 */
export const LINGER_MS = 5_000

/** The main tasks of the one-shots of one nursery, which end with them. */
export class MainTasks {
  readonly #runtime: ActorRuntime
  readonly #family: Family
  readonly #scope: CancelScope
  readonly #running = new Set<Promise<unknown>>()

  /** @param scope the nursery's */
  constructor(runtime: ActorRuntime, family: Family, scope: CancelScope) {
    this.#runtime = runtime
    this.#family = family
    this.#scope = scope
  }

  /** Resolves when the one-shot has ended. @throws its death, unless that has failed its main task already */
  async supervise(process: ActorProcess, id: string, main: Promise<unknown>, page: ChildPage): Promise<void> {
    this.#running.add(main)
    let outcome: { error: unknown; counts: boolean } | undefined
    try {
      await main
    } catch (error) {
      outcome = { error, counts: !this.#isOwnRequest(id, error) && !this.#family.isEcho(error) }
      if (outcome.counts) this.#family.fail(error)
    } finally {
      this.#running.delete(main)
    }
    await this.#stay(process)
    const { death } = await process.end(new Cancelled(this.#runtime.actor.name, 'its main task is done'))
    if (outcome?.counts) page.end('failed', describeError(outcome.error))
    else if (death !== undefined) page.end('failed', describeError(death))
    else page.end(outcome === undefined ? 'done' : 'cancelled')
    // The death of a process fails its main task as well, and is counted once.
    if (death !== undefined && !outcome?.counts) throw death
  }

  /** Whoever here cancelled the actor through a portal is not told so as a failure; `result()` says it. */
  #isOwnRequest(id: string, error: unknown): boolean {
    const cut = error instanceof ActorDied || (error instanceof RemoteActorError && error.cause instanceof Cancelled)
    return cut && this.#runtime.rpc.hasCancelled(id)
  }

  async #stay(process: ActorProcess): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, LINGER_MS)
    const unlink = this.#scope.onCancel(() => over.resolve())
    await Promise.race([Promise.allSettled(this.#running), process.exited, over.promise])
    clearTimeout(timer)
    unlink()
  }
}
