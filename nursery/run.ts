import { inspect } from 'node:util'
import { currentScope, isEcho } from '../node/cancel-scope.ts'
import { Cancelled, InvalidArgument } from '../node/errors.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { type MeshOptions, startRoot } from './root.ts'

export interface RunOptions extends MeshOptions {
  /** Cancels the whole actor; `run` then rejects with its reason. */
  readonly signal?: AbortSignal
}

/** Milliseconds that a root has for its end after SIGINT or SIGTERM; a `main` that does not react is not waited for. */
export const SIGNAL_GRACE_MS = 1_800

/** Milliseconds within which a repeated SIGINT is the same key press: the terminal sends one, npm passes on another. */
export const SAME_SIGNAL_MS = 300

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Makes this process an actor, runs a function in it, and takes everything down.
 *
 * A scope around it cancels it. Without a mesh name the mesh is private: a fresh secret, this machine only, nothing
 * on disk. SIGINT and SIGTERM cancel the root scope; the process then exits with 130 or 143 when everything is gone,
 * after 1,800 ms in any case, and at once on a second SIGINT.
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
  const outer = currentScope()
  let runtime: ActorRuntime | undefined
  try {
    runtime = await startRoot(options)
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

/**
 * Turns the first SIGINT or SIGTERM into a cancel and, once everything is gone, into the exit code that shells
 * expect.
 */
class ProcessSignals {
  #received: keyof typeof EXIT_CODES | undefined
  #receivedAt = 0
  #runtime: ActorRuntime | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const known = signal as keyof typeof EXIT_CODES
    if (this.#received === undefined) {
      this.#received = known
      this.#receivedAt = performance.now()
      this.#timer = setTimeout(() => process.exit(EXIT_CODES[known]), SIGNAL_GRACE_MS)
      this.#cancel()
    } else if (known === 'SIGINT' && performance.now() - this.#receivedAt > SAME_SIGNAL_MS) {
      process.exit(EXIT_CODES.SIGINT)
    }
  }

  constructor() {
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
  }

  /** A signal that came while the actor was booting counts too. */
  cancelOn(runtime: ActorRuntime): void {
    this.#runtime = runtime
    if (this.#received !== undefined) this.#cancel()
  }

  release(): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
    clearTimeout(this.#timer)
    if (this.#received !== undefined) process.exit(EXIT_CODES[this.#received])
  }

  #cancel(): void {
    this.#runtime?.scope.cancel(new Cancelled('the operating system', `${this.#received} was received`))
  }
}
