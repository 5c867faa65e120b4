import { inspect } from 'node:util'
import { CancelScope, currentScope } from './cancel-scope.ts'
import { InvalidArgument, LimitExceeded } from './errors.ts'
import { areaLog } from './log.ts'

/** Things that one actor may have registered at a time to be released at its end. */
export const MAX_EXIT_HANDLERS = 1_000
/** Milliseconds in which all of them are released; what is not done then is not waited for. */
export const EXIT_HANDLERS_MS = 1_000

/** What an actor releases at its end: the last registered first, once. */
export class ExitHandlers {
  readonly #handlers: (() => unknown)[] = []
  #running: Promise<void> | undefined

  /** Gives the function that takes it back. */
  add(release: () => unknown): () => void {
    if (typeof release !== 'function')
      throw new InvalidArgument(`onExit takes the function that releases, got ${inspect(release, { depth: 0 })}`)
    if (this.#running !== undefined)
      throw new InvalidArgument('this actor has released its resources: onExit comes too late')
    if (this.#handlers.length >= MAX_EXIT_HANDLERS)
      throw new LimitExceeded('MAX_EXIT_HANDLERS', `${MAX_EXIT_HANDLERS} functions wait for the end of this actor`)
    // The same function may be registered twice, and each registration is taken back for itself.
    const handler = (): unknown => release()
    this.#handlers.push(handler)
    return () => {
      const at = this.#handlers.indexOf(handler)
      if (at >= 0) this.#handlers.splice(at, 1)
    }
  }

  /** Calls all of them, one after the other while the time lasts; never rejects, and later calls give the same end. */
  run(ms: number): Promise<void> {
    return (this.#running ??= this.#run(ms))
  }

  async #run(ms: number): Promise<void> {
    const handlers = this.#handlers.splice(0).reverse()
    if (handlers.length === 0) return
    // The actor's own scope is cancelled by now: a release that calls others needs one that is not.
    const scope = CancelScope.beside(currentScope())
    scope.deadline = performance.now() + ms
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      scope.cancel(`the ${ms} ms for releasing what was registered with onExit were over`)
      over.resolve()
    }, ms)
    for (const handler of handlers) await Promise.race([this.#release(scope, handler), over.promise])
    clearTimeout(timer)
    scope.close()
  }

  async #release(scope: CancelScope, handler: () => unknown): Promise<void> {
    try {
      await scope.run(async () => await handler())
    } catch (error) {
      areaLog('actor').warn('while a resource was released', error)
    }
  }
}
