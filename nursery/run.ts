import { isEcho } from '../node/cancel-scope.ts'
import { Cancelled } from '../node/errors.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { type MeshOptions, startRoot } from './root.ts'

export interface RunOptions extends MeshOptions {
  /** Cancels the whole actor; `run` then rejects with its reason. */
  readonly signal?: AbortSignal
}

/** Milliseconds that a root has for its end after SIGINT or SIGTERM; a `main` that does not react is not waited for. */
export const SIGNAL_GRACE_MS = 1_800

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Makes this process an actor, runs a function in it, and takes everything down.
 *
 * Without a mesh name the mesh is private: a fresh secret, loopback only, nothing on disk. SIGINT and SIGTERM cancel the
 * root scope; the process then exits with 130 or 143 when everything is gone, after 1,800 ms in any case, and at once on a
 * second SIGINT.
 *
 * @returns the function's value, after every child process has ended
 * @throws whatever the function throws; GreenroomError `ALREADY_RUNNING` while this process is an actor
 * @example
 * ```ts
 * if (import.meta.main) await run(async () => console.log(currentActor().name), { name: 'director' })
 * ```
 */
export async function run<T>(main: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
  const signals = new ProcessSignals()
  let runtime: ActorRuntime | undefined
  try {
    runtime = await startRoot(options)
    signals.cancelOn(runtime)
    const { scope } = runtime
    const reason = linkSignal(runtime, options.signal)
    try {
      const value = await scope.run(async () => await main())
      if (scope.reason !== undefined && scope.reason === reason()) throw scope.reason
      return value
    } catch (error) {
      if (reason() !== undefined && isEcho(error, reason())) throw options.signal?.reason
      throw error
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

/** Turns the first SIGINT or SIGTERM into a cancel and, once everything is gone, into the exit code that shells expect. */
class ProcessSignals {
  #received: keyof typeof EXIT_CODES | undefined
  #runtime: ActorRuntime | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const known = signal as keyof typeof EXIT_CODES
    if (this.#received !== undefined && known === 'SIGINT') process.exit(EXIT_CODES.SIGINT)
    if (this.#received === undefined) {
      this.#received = known
      this.#timer = setTimeout(() => process.exit(EXIT_CODES[known]), SIGNAL_GRACE_MS)
    }
    this.#runtime?.scope.cancel(new Cancelled('the operating system', `${signal} was received`))
  }

  constructor() {
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
  }

  /** A signal that came while the actor was booting counts too. */
  cancelOn(runtime: ActorRuntime): void {
    this.#runtime = runtime
    if (this.#received !== undefined) this.#onSignal(this.#received)
  }

  release(): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
    clearTimeout(this.#timer)
    if (this.#received !== undefined) process.exit(EXIT_CODES[this.#received])
  }
}
