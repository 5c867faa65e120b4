import type { Portal } from '../rpc/portal.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { ActorRuntime } from '../nursery/actor-runtime.ts'

/** A root of a mesh in one process, with a libp2p node, scopes and a registry of its own. */
export interface TestActor {
  readonly name: string
  /** Its peer id. */
  readonly id: string
  /** Through which the test itself calls what the actor serves. */
  readonly portal: Portal
  /**
   * Runs a function as this actor: `currentActor`, look-ups, claims, nurseries and whatever else is an actor's are this one's in it.
   *
   * @throws whatever the function throws; Cancelled when the actor leaves or dies meanwhile
   * @example
   * ```ts
   * await donny.act(async () => (await waitForActor('gretchen')).run(hi))
   * ```
   */
  act<T>(body: () => T | Promise<T>): Promise<T>
  /** Ends it in order: its tasks are cancelled and clean up, it says goodbye. Resolves when the whole mesh knows. */
  leave(): Promise<void>
  /** Ends it as a killed process would: its connections break and nothing is said. Resolves when the whole mesh knows. */
  die(): Promise<void>
}

/** What a mesh needs of its actors beyond what a test does. */
export class LiveActor implements TestActor {
  readonly name: string
  readonly id: string
  readonly portal: Portal
  readonly runtime: ActorRuntime
  readonly #crash: () => Promise<void>
  readonly #onEnd: (actor: LiveActor) => Promise<void>

  /**
   * @param caller whose portal it is
   * @param crash breaks its connections
   * @param onEnd resolves when the others know
   */
  constructor(
    runtime: ActorRuntime,
    caller: Rpc,
    crash: () => Promise<void>,
    onEnd: (actor: LiveActor) => Promise<void>,
  ) {
    this.runtime = runtime
    this.name = runtime.self.name
    this.id = runtime.self.id
    this.portal = caller.portal(runtime.self)
    this.#crash = crash
    this.#onEnd = onEnd
  }

  async act<T>(body: () => T | Promise<T>): Promise<T> {
    const { scope } = this.runtime
    scope.throwIfCancelled()
    return await scope.run(async () => await body())
  }

  async leave(): Promise<void> {
    await this.runtime.stop('the test let it leave')
    await this.#onEnd(this)
  }

  async die(): Promise<void> {
    await this.#crash()
    await this.runtime.stop('the test let it die')
    await this.#onEnd(this)
  }
}
