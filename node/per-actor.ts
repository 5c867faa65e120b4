import { type CancelScope, type Tenant, tenantOf } from './cancel-scope.ts'

/**
 * What there is once an actor. An actor is a process, so that it is a variable; actors that share a process, as tests have
 * them, are told apart by the scope that code runs in.
 */
export class PerActor<T> {
  #ofProcess: T | undefined
  readonly #ofTenants = new WeakMap<Tenant, T>()

  /** That of the actor whose code this is. */
  get current(): T | undefined {
    const tenant = tenantOf()
    return tenant === undefined ? this.#ofProcess : this.#ofTenants.get(tenant)
  }

  /** What the actor of a scope has. */
  of(scope: CancelScope): T | undefined {
    const tenant = tenantOf(scope)
    return tenant === undefined ? this.#ofProcess : this.#ofTenants.get(tenant)
  }

  /** Gives the function that takes it back, unless there is another one by then. @param scope the actor's */
  set(value: T, scope: CancelScope): () => void {
    const tenant = tenantOf(scope)
    if (tenant === undefined) this.#ofProcess = value
    else this.#ofTenants.set(tenant, value)
    return () => {
      if (this.of(scope) !== value) return
      if (tenant === undefined) this.#ofProcess = undefined
      else this.#ofTenants.delete(tenant)
    }
  }
}
