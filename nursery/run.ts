import { inspect } from 'node:util'
import { currentScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import { Cancelled, InvalidArgument } from '../node/errors.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { ProcessSignals } from './process-signals.ts'
import { type MeshOptions, startRoot } from './root.ts'
import { passOverStrayEchoes } from './stray-echoes.ts'

export interface RunOptions extends MeshOptions {
  /** Cancels the whole actor; `run` then rejects with its reason. */
  readonly signal?: AbortSignal
}

/**
 * Makes this process an actor, runs a function in it, and takes everything down.
 *
 * A scope around it cancels it. Without a mesh name the mesh is private: a fresh secret, this machine only, nothing
 * on disk. SIGINT, SIGTERM and SIGHUP cancel the root scope; the process then exits with 130, 143 or 129 when everything
 * is gone, after 1,800 ms in any case, and at once on a second SIGINT. SIGUSR2 writes the tree of actors to stderr.
 *
 * @returns the function's value, after every child process has ended
 * @throws whatever the function throws; GreenroomError `ALREADY_RUNNING` while this process is an actor
 * @example
 * ```ts
 * if (import.meta.main) await run(async () => console.log(currentActor().name), { name: 'director' })
 * ```
 */
export async function run<T>(main: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
  if (typeof main !== 'function')
    throw new InvalidArgument(`run takes the function to run, got ${inspect(main, { depth: 0 })}`)
  const signals = new ProcessSignals()
  const unlisten = passOverStrayEchoes()
  const outer = currentScope()
  let runtime: ActorRuntime | undefined
  try {
    runtime = await startRoot(options, true)
    signals.cancelOn(runtime)
    const { scope } = runtime
    const reason = linkSignal(runtime, options.signal)
    const unlink = outer.onCancel((cancelled) => scope.cancel(cancelled))
    try {
      const value = await scope.run(async () => await main())
      if (scope.reason !== undefined && scope.reason === reason()) throw scope.reason
      return value
    } catch (error) {
      if (reason() !== undefined && isEcho(error, reason())) throw options.signal?.reason
      throw error
    } finally {
      unlink()
    }
  } finally {
    await runtime?.stop('main() has ended')
    unlisten()
    signals.release()
  }
}

function linkSignal(runtime: ActorRuntime, signal: AbortSignal | undefined): () => Cancelled | undefined {
  let reason: Cancelled | undefined
  const onAbort = (): void => {
    reason = new Cancelled(runtime.actor.name, 'the signal given to run() was aborted')
    runtime.scope.cancel(reason)
  }
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  runtime.scope.onCancel(() => signal?.removeEventListener('abort', onAbort))
  return () => reason
}
