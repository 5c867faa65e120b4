import { Cancelled, describeError } from '../node/errors.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { MAX_TREE_CHILDREN, TREE_TIMEOUT_MS } from './actor-tree.ts'
import { describeActor } from './describe-tree.ts'
import { showTree } from './show-tree.ts'

/**
 * Milliseconds that a root has for its end after SIGINT, SIGTERM or SIGHUP; a `main` that does not react is not waited
 * for.
 */
export const SIGNAL_GRACE_MS = 1_800

/** Milliseconds within which a repeated SIGINT is the same key press: the terminal sends one, npm passes on another. */
export const SAME_SIGNAL_MS = 300

/** What a shell says of a process that a signal ended: 128 and the signal's number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
type EndingSignal = keyof typeof EXIT_CODES
const ENDING_SIGNALS = Object.keys(EXIT_CODES) as EndingSignal[]

/**
 * The signals of a root that owns its process: the first one that asks for the end becomes a cancel and, once
 * everything is gone, the exit code that shells expect. SIGUSR2 shows the tree of actors.
 */
export class ProcessSignals {
  #received: EndingSignal | undefined
  #receivedAt = 0
  #runtime: ActorRuntime | undefined
  #timer: NodeJS.Timeout | undefined
  #showing = false
  readonly #onEnd = (signal: NodeJS.Signals): void => {
    const known = signal as EndingSignal
    if (known === 'SIGHUP') outliveTerminal()
    if (this.#received === undefined) {
      this.#received = known
      this.#receivedAt = performance.now()
      this.#timer = setTimeout(() => process.exit(EXIT_CODES[known]), SIGNAL_GRACE_MS)
      this.#cancel()
    } else if (known === 'SIGINT' && performance.now() - this.#receivedAt > SAME_SIGNAL_MS) {
      process.exit(EXIT_CODES.SIGINT)
    }
  }
  readonly #onShow = (): void => void this.#show()

  constructor() {
    for (const signal of ENDING_SIGNALS) process.on(signal, this.#onEnd)
    process.on('SIGUSR2', this.#onShow)
  }

  /** A signal that came while the actor was booting counts too. */
  cancelOn(runtime: ActorRuntime): void {
    this.#runtime = runtime
    if (this.#received !== undefined) this.#cancel()
  }

  release(): void {
    for (const signal of ENDING_SIGNALS) process.off(signal, this.#onEnd)
    process.off('SIGUSR2', this.#onShow)
    clearTimeout(this.#timer)
    if (this.#received !== undefined) process.exit(EXIT_CODES[this.#received])
  }

  #cancel(): void {
    this.#runtime?.scope.cancel(new Cancelled('the operating system', `${this.#received} was received`))
  }

  /** One at a time: whoever repeats the signal gets the answer to the first one. */
  async #show(): Promise<void> {
    if (this.#showing) return
    this.#showing = true
    try {
      const text =
        this.#runtime === undefined
          ? 'the actor is being started'
          : showTree(await describeActor(this.#runtime, { timeoutMs: TREE_TIMEOUT_MS, children: MAX_TREE_CHILDREN }))
      process.stderr.write(`${text}\n`)
    } catch (error) {
      process.stderr.write(`the tree of actors cannot be shown: ${describeError(error)}\n`)
    } finally {
      this.#showing = false
    }
  }
}

/** What is written to a terminal that has gone away is lost; that is no reason to end without cleaning up. */
export function outliveTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) if (stream.isTTY) stream.on('error', () => {})
}
