import { CancelScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import { type Cancelled, describeError } from '../node/errors.ts'
import type { ChildPage } from './report.ts'
import type { Restart } from './restart-policy.ts'
import type { ChildExit, Supervised } from './supervisor.ts'

/** A local task over all its runs. It is asked to end, and waited for: code of one's own process cannot be killed. */
export class SupervisedTask<T> implements Supervised {
  readonly name: string
  readonly restart: Restart
  readonly page: ChildPage
  readonly #task: () => T | Promise<T>
  readonly #outer: CancelScope
  readonly #result = Promise.withResolvers<T>()
  /** How the latest run has ended. */
  #last: { readonly value: T } | { readonly error: unknown } | undefined
  #scope = new CancelScope()
  #run: Promise<ChildExit> | undefined

  /** @param outer the nursery's scope: its deadline holds for the task, its cancel comes by the supervisor in turn */
  constructor(name: string, task: () => T | Promise<T>, restart: Restart, page: ChildPage, outer: CancelScope) {
    this.name = name
    this.#outer = outer
    this.#task = task
    this.restart = restart
    this.page = page
    this.#result.promise.catch(() => {})
  }

  /** What the last run gives, once there will be no other one. */
  get result(): Promise<T> {
    return this.#result.promise
  }

  async start(onExit: (exit: ChildExit) => void): Promise<void> {
    const scope = CancelScope.beside(this.#outer)
    scope.deadline = this.#outer.deadline
    this.#scope = scope
    this.#run = this.#perform(scope)
    this.page.up()
    void this.#run.then((exit) => {
      if (!scope.cancelled) onExit(exit)
    })
  }

  async stop(reason: Cancelled): Promise<void> {
    this.page.step('cancel', `${reason.by}: ${reason.why}`)
    this.#scope.cancel(reason)
    const exit = await this.#run
    if (exit?.kind === 'abnormal') throw exit.error
  }

  finished(exit: ChildExit): void {
    if (exit.kind === 'abnormal') this.page.end('failed', describeError(exit.error))
    else this.page.end(exit.kind === 'normal' ? 'done' : 'cancelled')
    if (this.#last !== undefined && 'value' in this.#last) this.#result.resolve(this.#last.value)
    else this.#result.reject(this.#last === undefined ? this.#scope.reason : this.#last.error)
  }

  async #perform(scope: CancelScope): Promise<ChildExit> {
    try {
      this.#last = { value: await scope.run(async () => await this.#task()) }
      return { kind: 'normal' }
    } catch (error) {
      this.#last = { error }
      return isEcho(error, scope.reason) ? { kind: 'shutdown' } : { kind: 'abnormal', error }
    } finally {
      scope.close()
    }
  }
}
