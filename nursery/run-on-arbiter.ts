import { inspect } from 'node:util'
import { enterOffice, type Office } from '../discovery/office.ts'
import { checkActorName } from '../node/actor-name.ts'
import { currentActor } from '../node/current-actor.ts'
import { InvalidArgument } from '../node/errors.ts'
import { cancelScope } from '../node/scopes.ts'
import { checkModules, type ExposedModule } from '../rpc/exposed.ts'
import { openNursery } from './nursery.ts'

export interface RunOnArbiterOptions {
  /** Name of the actor that serves a module, 1 to 256 bytes; default the module's namespace. */
  readonly name?: string
}

/**
 * Runs something exactly where the arbiter is, in one root of the mesh at a time: every root that may run it calls this.
 * A cancel point.
 *
 * A function runs in this process whenever this root is arbiter, in a scope that is cancelled before the lease of the
 * office ends; the next arbiter begins a lease later (1.5 s in profile `loopback`, 3 s in `lan`, 10 s in `wan`), when it
 * has stopped. A module is served by an actor that is started and ended with the office, whose `statespace.office` is
 * `{ term, token }`; it is restarted as in a nursery with the strategy `one-for-one`. It all lives in the block that called: its errors are thrown here, its cancel ends it.
 *
 * With declared electors no two roots run it while both hold a valid lease. Work that does not heed its cancel, or an
 * actor whose root is frozen, may go on for longer: every effect on the outside carries `office.token`, and the resource
 * refuses lower ones. In an elastic mesh two parts that do not hear each other each run it.
 *
 * @returns what the function returns while this root is still arbiter; a module runs until the scope is cancelled
 * @throws whatever the function throws, or the actor fails with
 * @throws InvalidArgument in an actor that has a parent
 * @throws Cancelled when the scope is cancelled
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * await runOnArbiter(async ({ token, signal }) => {
 *   while (!signal.aborted) await cleanUp(token)
 * })
 * ```
 */
export function runOnArbiter<T>(work: (office: Office) => T | Promise<T>): Promise<T>
export function runOnArbiter(module: ExposedModule, options?: RunOnArbiterOptions): Promise<never>
export async function runOnArbiter<T>(
  work: ExposedModule | ((office: Office) => T | Promise<T>),
  options: RunOnArbiterOptions = {},
): Promise<T> {
  const body = typeof work === 'function' ? work : serve<T>(work, options)
  for (;;) {
    const office = await enterOffice()
    try {
      const { cancelled, value } = await cancelScope(async (scope) => {
        const stop = (): void => scope.cancel("the arbiter's office was lost")
        if (office.signal.aborted) stop()
        else office.signal.addEventListener('abort', stop, { once: true })
        return await body(office)
      })
      if (!cancelled && !office.signal.aborted) return value
    } catch (error) {
      // whoever checked the office before the cancel came says the same
      if (!office.signal.aborted || error !== office.signal.reason) throw error
    } finally {
      office.leave()
    }
  }
}

function serve<T>(module: ExposedModule, options: RunOnArbiterOptions): (office: Office) => Promise<T> {
  if (typeof module !== 'object' || module === null)
    throw new InvalidArgument(
      `runOnArbiter takes a function or what expose() gave, got ${inspect(module, { depth: 0 })}`,
    )
  checkModules([module])
  const { name = module.namespace } = options
  checkActorName(name)
  return async ({ term, token }) =>
    await openNursery<T>(
      async (nursery) => {
        const statespace = { ...currentActor().statespace, office: { term, token } }
        await nursery.startActor(name, { modules: [module], statespace })
        return undefined as T
      },
      { strategy: 'one-for-one' },
    )
}
