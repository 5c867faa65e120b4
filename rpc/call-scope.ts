import { CancelScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import { now, startTimer, stopTimer } from '../node/clock.ts'
import { Cancelled, DeadlineExceeded } from '../node/errors.ts'
import type { CallLimits } from './pending-call.ts'
import type { ExplainingScope } from './remote-stream.ts'

/**
 * The scope of a call that is more than one request: ends with the caller's scope, the portal, the signal or the
 * timeout, whichever is first.
 */
export class CallScope extends CancelScope implements ExplainingScope {
  readonly #unlink: (() => void)[] = []
  #translated: { reason: Cancelled; error: unknown } | undefined

  readonly #doing: string

  /** @param doing what the call does, in words */
  constructor(parent: CancelScope, portal: CancelScope, { signal, timeout }: CallLimits, doing: string) {
    super(parent)
    this.#doing = doing
    this.#unlink.push(portal.onCancel((reason) => this.cancel(reason)))
    if (signal !== undefined) this.#linkSignal(signal)
    if (timeout !== undefined) this.#armTimeout(timeout)
  }

  override close(): void {
    for (const unlink of this.#unlink.splice(0)) unlink()
    super.close()
  }

  /** Settles like the work, with the caller's own signal or timeout speaking for the cancel that it caused. */
  async translate<T>(work: Promise<T>, last = true): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.close()
      throw this.explain(error)
    } finally {
      if (last) this.close()
    }
  }

  explain(error: unknown): unknown {
    return this.#translated !== undefined && isEcho(error, this.#translated.reason) ? this.#translated.error : error
  }

  #linkSignal(signal: AbortSignal): void {
    const onAbort = (): void => this.#end('its signal was aborted', signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#unlink.push(() => signal.removeEventListener('abort', onAbort))
  }

  #armTimeout(timeout: number): void {
    this.deadline = now() + timeout
    const late = (): void => this.#end(`its ${timeout} ms were over`, new DeadlineExceeded(timeout, this.#doing))
    const timer = startTimer(timeout, late)
    this.#unlink.push(() => stopTimer(timer))
  }

  #end(why: string, error: unknown): void {
    const reason = new Cancelled('the caller', why)
    this.#translated = { reason, error }
    this.cancel(reason)
  }
}
