import { inspect } from 'node:util'
import { currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { noteInterrupted } from '../node/echoes.ts'
import { type ActorRef, FencedOut, InvalidArgument, LimitExceeded, NameTaken, showActor } from '../node/errors.ts'
import { cancelScope } from '../node/scopes.ts'
import { beginWait, endWait } from '../node/waits.ts'
import { holds } from './core/claims.ts'
import type { ClaimLoss } from './core/effect.ts'
import type { Fence } from './core/fence.ts'
import { coreLimits } from './core/limits.ts'
import type { ClaimLimit } from './core/claim-messages.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import { fencingToken, type FencingToken } from './fencing-token.ts'
import type { Observation } from './observation.ts'

/** Names that one actor may hold or wait for at a time. */
export const MAX_CLAIMS_PER_ACTOR = coreLimits.claimsPerActor
/** Claims of a whole mesh, waiting ones included. */
export const MAX_CLAIMS = coreLimits.claims
/** Claims that may wait for one name. */
export const MAX_CLAIMS_WAITING = coreLimits.claimLine
/** Bytes of a claimed name. */
export const MAX_CLAIM_NAME_BYTES = coreLimits.claimName

export interface ClaimOptions {
  /** Whether to wait while another actor holds the name; default true. */
  readonly wait?: boolean
}

/** A name that this actor holds. */
export interface Claim extends AsyncDisposable {
  readonly name: string
  /** Goes with every effect on an outside resource, which refuses lower ones. */
  readonly token: FencingToken
  /** Whether the name is this actor's at this very moment, by its own clock. */
  readonly held: boolean
  /** Aborts with {@link FencedOut} when the name is lost or given up. */
  readonly signal: AbortSignal
  /** @throws FencedOut when the name is not this actor's any more: call it before each effect */
  check(): void
  /**
   * Runs a function in a scope that is cancelled when the name is lost.
   *
   * @throws FencedOut when the name was lost before the function ended
   */
  run<T>(body: () => T | Promise<T>): Promise<T>
  /** Gives the name up, at once; later calls change nothing. */
  release(): Promise<void>
}

let lastId = 0

/**
 * Claims a name that at most one live actor of the mesh holds, waiting while another one does. A cancel point.
 *
 * The arbiter grants it, whoever has waited longest first, and the holder renews it by itself. It is given up by
 * `release()`, when the `await using` block ends, when the actor has ended, and when no arbiter has answered for a lease
 * (4.5 s in profile `loopback`, 9 s in `lan`, 30 s in `wan`): the holder stops to believe before anybody else is granted the
 * name. A new arbiter grants free names only after that time and its own lease (6, 12 and 40 s); who holds one keeps it.
 * Without a quorum configured, two parts of a cut mesh may each grant one name: when they meet, the claim with the
 * lower token is lost.
 *
 * @param name 1 to 256 bytes; has nothing to do with the names of actors
 * @throws NameTaken with `wait: false`, when another claim holds the name
 * @throws LimitExceeded with more than 64 claims of an actor, 10,000 of the mesh, 1,000 waiting for one name
 * @throws Cancelled when the scope is cancelled: put it into `failAfter`
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * await using counter = await claim('counter')
 * counter.check()
 * await write(counter.token, 42)
 * ```
 */
export async function claim(name: string, options: ClaimOptions = {}): Promise<Claim> {
  checkClaimName(name)
  const { wait = true } = options
  if (typeof wait !== 'boolean') throw new InvalidArgument(`claim takes { wait: true or false }, got ${inspect(wait)}`)
  const discovery = currentDiscovery()
  const scope = currentScope()
  scope.throwIfCancelled()
  if (discovery.state.claims.own.size >= MAX_CLAIMS_PER_ACTOR) {
    throw new LimitExceeded(
      'MAX_CLAIMS_PER_ACTOR',
      `this actor holds or waits for ${MAX_CLAIMS_PER_ACTOR} names: release some before it claims '${name}'`,
    )
  }
  const held = new HeldName(discovery, ++lastId, name, wait)
  const waiting = beginWait(`waiting for the name '${name}'`)
  const unlink = scope.onCancel((reason) => held.giveUp(reason))
  try {
    await untilCancelled(discovery.scope, held.granted())
    return held
  } catch (error) {
    await held.release()
    noteInterrupted(error, waiting.what)
    throw error
  } finally {
    unlink()
    endWait(waiting)
  }
}

class HeldName implements Claim {
  readonly name: string
  readonly #discovery: Discovery
  readonly #id: number
  readonly #wait: boolean
  readonly #granted = Promise.withResolvers<void>()
  readonly #lost = new AbortController()
  readonly #unlisten: () => void
  #token: FencingToken | undefined

  constructor(discovery: Discovery, id: number, name: string, wait: boolean) {
    this.name = name
    this.#discovery = discovery
    this.#id = id
    this.#wait = wait
    this.#unlisten = discovery.onEvent((event) => this.#hear(event))
  }

  get token(): FencingToken {
    return this.#token!
  }

  get held(): boolean {
    return holds(this.#discovery.state, this.#id, this.#discovery.now())
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  async granted(): Promise<void> {
    this.#discovery.claim(this.#id, this.name)
    await this.#granted.promise
  }

  giveUp(reason: Error): void {
    this.#granted.reject(reason)
  }

  check(): void {
    if (!this.held) this.#lose(new FencedOut(this.name, showLoss('lease', undefined)))
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason
  }

  async run<T>(body: () => T | Promise<T>): Promise<T> {
    this.check()
    const { signal } = this.#lost
    let unlink = (): void => {}
    try {
      const { value } = await cancelScope(async (scope) => {
        const cancel = (): void => scope.cancel(`the name '${this.name}' was lost`)
        signal.addEventListener('abort', cancel, { once: true })
        unlink = () => signal.removeEventListener('abort', cancel)
        return await body()
      })
      this.check()
      return value as T
    } finally {
      unlink()
    }
  }

  async release(): Promise<void> {
    this.#discovery.unclaim(this.#id)
    this.#lose(new FencedOut(this.name, showLoss('released', undefined)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  #hear(event: Observation): void {
    switch (event.type) {
      case 'claimed':
        if (event.id === this.#id) this.#grant(event.fence)
        return
      case 'claimWaits':
        if (event.id === this.#id && event.holder !== null && !this.#wait)
          this.#granted.reject(new NameTaken(this.name, this.#actor(event.holder)))
        return
      case 'claimRefused':
        if (event.id === this.#id) this.#granted.reject(refusal(this.name, event.limit))
        return
      case 'claimLost':
        if (event.id !== this.#id) return
        this.#lose(
          new FencedOut(this.name, showLoss(event.why, event.holder === null ? undefined : this.#actor(event.holder))),
        )
    }
  }

  #grant(fence: Fence): void {
    this.#token = fencingToken(fence)
    this.#granted.resolve()
  }

  #lose(reason: FencedOut): void {
    if (this.#lost.signal.aborted) return
    this.#unlisten()
    this.#lost.abort(reason)
    // one that is lost in the moment in which it is granted was never held
    this.#granted.reject(reason)
  }

  #actor(id: string): ActorRef {
    const record = this.#discovery.state.registry.get(id)
    return { name: record?.name ?? 'an actor that is not known here', id }
  }
}

/** @throws InvalidArgument when a name is no string, empty, or longer than {@link MAX_CLAIM_NAME_BYTES} */
function checkClaimName(name: string): void {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= MAX_CLAIM_NAME_BYTES) return
  const shown = inspect(name, { depth: 0 }).slice(0, 64)
  throw new InvalidArgument(`a claimed name is a string of 1 to ${MAX_CLAIM_NAME_BYTES} bytes, got ${shown}`)
}

function refusal(name: string, limit: ClaimLimit): LimitExceeded {
  return limit === 'claims'
    ? new LimitExceeded('MAX_CLAIMS', `the mesh holds or waits for ${MAX_CLAIMS} names: '${name}' is one too many`)
    : new LimitExceeded('MAX_CLAIMS_WAITING', `${MAX_CLAIMS_WAITING} claims wait for the name '${name}' already`)
}

function showLoss(why: ClaimLoss, holder: ActorRef | undefined): string {
  switch (why) {
    case 'released':
      return 'was given up'
    case 'lease':
      return 'was lost: no arbiter has answered for the length of a lease'
    case 'fenced':
      return `was lost: ${holder === undefined ? 'another actor was granted it' : `${showActor(holder)} holds it`} with a higher token`
  }
}
