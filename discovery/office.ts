import { currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { FencedOut, InvalidArgument } from '../node/errors.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'
import { beginWait, endWait } from '../node/waits.ts'
import type { Office as Books } from './core/claim-state.ts'
import { compareTokens } from './core/token.ts'
import type { Token } from './core/token.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import { fencingToken, type FencingToken } from './fencing-token.ts'

/** The arbiter's office while this root holds it. */
export interface Office {
  readonly term: number
  /** Goes with every effect on an outside resource, which refuses lower ones. */
  readonly token: FencingToken
  /**
   * Aborts with {@link FencedOut} when the office is lost, at the latest a sixth of a lease before that runs out (250 ms
   * of 1,500 in profile `loopback`, 500 of 3,000 in `lan`, 1,667 of 10,000 in `wan`).
   */
  readonly signal: AbortSignal
  /** @throws FencedOut when this root does not hold the office any more: call it before each effect */
  check(): void
}

/** Share of a lease that is left to whoever has to stop. */
const STOPPING = 1 / 6

/**
 * Waits until this root is the arbiter, and whoever was before has stopped. A cancel point.
 *
 * @throws InvalidArgument in an actor that has a parent
 */
export async function enterOffice(): Promise<HeldOffice> {
  const discovery = currentDiscovery()
  if (discovery.state.own?.record.parent !== undefined)
    throw new InvalidArgument(
      `'${discovery.self.name}' has a parent, and only roots become arbiter: ask the root to do it`,
    )
  const scope = currentScope()
  const wait = beginWait("waiting for the arbiter's office")
  try {
    for (;;) {
      scope.throwIfCancelled()
      const books = booksOf(discovery)
      const left = books === undefined ? Infinity : books.clearAt - discovery.now()
      if (books !== undefined && left <= 0 && until(discovery, books.token) > discovery.now())
        return new HeldOffice(discovery, books.token)
      await nextChange(discovery, left)
    }
  } finally {
    endWait(wait)
  }
}

/** An office that was entered; whoever has done its work leaves it. */
export class HeldOffice implements Office {
  readonly term: number
  readonly token: FencingToken
  readonly #discovery: Discovery
  readonly #token: Token
  readonly #lost = new AbortController()
  readonly #unlisten: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(discovery: Discovery, token: Token) {
    this.#discovery = discovery
    this.#token = token
    this.term = token.term
    this.token = fencingToken(token)
    this.#unlisten = onArbiter(discovery, () => this.#look())
    this.#look()
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  check(): void {
    this.#look()
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason
  }

  leave(): void {
    this.#unlisten()
    clearTimeout(this.#timer)
    this.#lost.abort(new FencedOut(undefined, 'was left: the work that it was entered for is done'))
  }

  /** Beats make the lease longer without a word: the end is looked at anew when it would have come. */
  #look(): void {
    if (this.#lost.signal.aborted) return
    const left = until(this.#discovery, this.#token) - this.#discovery.now()
    clearTimeout(this.#timer)
    if (left > 0) {
      this.#timer = setTimeout(() => this.#look(), Math.min(left, MAX_TIMEOUT_MS))
      return
    }
    this.#unlisten()
    this.#lost.abort(new FencedOut(undefined, 'was lost: another root may be elected'))
  }
}

/** Until when work as arbiter of a token may go on, by the lease as it is now; -Infinity when the office is lost. */
function until({ state }: Discovery, token: Token): number {
  const { reign } = state.election
  if (reign === undefined || compareTokens(reign.token, token) !== 0) return -Infinity
  return reign.leaseUntil - state.profile.lease * STOPPING
}

/** The books of this root's own office, when it holds it. */
function booksOf({ state }: Discovery): Books | undefined {
  const { reign } = state.election
  const { office } = state.claims
  return reign === undefined || office === undefined || compareTokens(office.token, reign.token) !== 0
    ? undefined
    : office
}

function onArbiter(discovery: Discovery, listener: () => void): () => void {
  return discovery.onEvent(({ type }) => {
    if (type === 'arbiter') listener()
  })
}

/** The next change of the arbiter, or that so many milliseconds have passed. */
async function nextChange(discovery: Discovery, ms: number): Promise<void> {
  const change = Promise.withResolvers<void>()
  const unlisten = onArbiter(discovery, change.resolve)
  const unlink = currentScope().onCancel(change.reject)
  const { lease } = discovery.state.profile
  // a lease that is nearly over is made longer by a beat, of which no event tells
  const timer = ms === Infinity ? undefined : setTimeout(change.resolve, ms > 0 ? ms : lease * STOPPING)
  try {
    await untilCancelled(discovery.scope, change.promise)
  } finally {
    unlisten()
    unlink()
    clearTimeout(timer)
  }
}
