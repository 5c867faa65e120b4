import type { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, LimitExceeded, ProtocolError, RemoteActorError } from '../node/errors.ts'
import { failAfter } from '../node/scopes.ts'
import { decodeFailure, encodeFailure } from './error-codec.ts'
import type { ReadyRequest } from './large-values.ts'
import { MAX_VALUE_DEPTH, transferable } from './transferable.ts'

/** Actors that one relay is for; for more of one tree there are several. */
export const MAX_RELAY_TARGETS = 1_024
/** Relays of one peer that run here at a time; a peer of this version queues on its own side before that. */
export const MAX_RELAYS_PER_PEER = 16
/** Actors that are being connected to at a time for broadcasts; more wait their turn. */
export const MAX_CONNECTING = 16
/** Levels of a value around the arguments of a call that is relayed, and around each of its outcomes. */
const RELAY_LEVELS = 2

/** What became of one call of a broadcast. */
export type Outcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly reason: unknown }

/** A call of one function in several actors. */
export interface RelayedCall {
  readonly functionId: string
  readonly args: readonly unknown[]
  /** Milliseconds for each actor; 0: no limit but that of the scope. */
  readonly timeoutMs: number
}

/** How the actor at a desk calls another one. */
export interface RelayLine {
  readonly self: ActorRef
  /** Calls an actor below this one, when others that are being connected to have had their turn; nothing for another one. */
  call(peerId: string, call: RelayedCall): Promise<unknown> | undefined
  /** A call is answered without being run. */
  refused(): void
}

/**
 * Passes calls on that a peer sends once for several actors of the tree below this root.
 *
 * It knows nothing of the function: each actor decides by its own allow-list, as for any call of anybody.
 */
export class RelayDesk {
  readonly #line: RelayLine
  readonly #running = new Map<string, number>()

  constructor(line: RelayLine) {
    this.#line = line
  }

  /**
   * Performs one relay within the scope of its task; its outcomes as they travel, in the order of the targets.
   *
   * @param stacks whether the peer may see stacks
   * @throws ProtocolError when the request has another shape
   * @throws LimitExceeded when as many relays of this peer run already
   */
  async perform(peer: string, request: ReadyRequest, task: CancelScope, stacks: boolean): Promise<unknown[]> {
    const { targets, call } = readRelay(request)
    const running = this.#running.get(peer) ?? 0
    if (running >= MAX_RELAYS_PER_PEER) {
      this.#line.refused()
      throw new LimitExceeded('MAX_RELAYS_PER_PEER', `${running} relays of one caller run in ${this.#line.self.name}`)
    }
    this.#running.set(peer, running + 1)
    try {
      const outcomes = await task.run(
        async () => await Promise.all(targets.map(async (id) => await settled(this.#callOne(id, call)))),
      )
      // what the calls say of the end of their caller is no outcome
      task.throwIfCancelled()
      return outcomes.map((outcome) => encodeOutcome(outcome, this.#line.self, stacks))
    } finally {
      const left = (this.#running.get(peer) ?? 1) - 1
      if (left > 0) this.#running.set(peer, left)
      else this.#running.delete(peer)
    }
  }

  async #callOne(id: string, call: RelayedCall): Promise<unknown> {
    const outcome = this.#line.call(id, call)
    if (outcome !== undefined) return await outcome
    const how = `${this.#line.self.name} knows it no longer; the call was not sent`
    throw new ActorDied({ name: 'an actor', id }, how, { mayHaveRun: false })
  }
}

/** The arguments of a CALL that is a relay. */
export function relayArguments(targets: readonly string[], { args, timeoutMs }: RelayedCall): unknown[] {
  return [targets, timeoutMs, args]
}

/**
 * Checks that arguments can travel by a relay, which wraps them.
 *
 * @throws InvalidArgument with the path to what cannot
 */
export function checkRelayed(args: readonly unknown[]): void {
  for (const [index, arg] of args.entries()) transferable(arg, `args[${index}]`, MAX_VALUE_DEPTH - RELAY_LEVELS)
}

/** What a relay gave, one for each target. @throws ProtocolError when it has another shape */
export function readOutcomes(value: unknown, count: number): Outcome[] {
  if (!Array.isArray(value) || value.length !== count)
    throw new ProtocolError('a relay has not given one outcome for each actor')
  return value.map((item: unknown): Outcome => {
    const [kind, content] = Array.isArray(item) ? (item as unknown[]) : []
    if (kind === DONE) return { status: 'fulfilled', value: content }
    if (kind === RAISED) return { status: 'rejected', reason: decodeFailure(content) }
    if (kind === NOT_CALLED) return { status: 'rejected', reason: decodeFailure(content).cause }
    throw new ProtocolError('a relay has given an outcome of an unknown kind')
  })
}

/** What becomes of a promise. */
export async function settled(work: Promise<unknown>): Promise<Outcome> {
  try {
    return { status: 'fulfilled', value: await work }
  } catch (reason) {
    return { status: 'rejected', reason }
  }
}

/** Runs something within so many milliseconds, 0 for no limit of its own. @throws DeadlineExceeded */
export async function atMost<T>(timeoutMs: number, body: () => Promise<T>): Promise<T> {
  return timeoutMs > 0 ? await failAfter(timeoutMs, body) : await body()
}

const DONE = 0
/** The failure is that of the actor that was called. */
const RAISED = 1
/** The failure is that of the way to it. */
const NOT_CALLED = 2

function encodeOutcome(outcome: Outcome, self: ActorRef, stacks: boolean): unknown[] {
  if (outcome.status === 'rejected') {
    const { reason } = outcome
    return [reason instanceof RemoteActorError ? RAISED : NOT_CALLED, encodeFailure(reason, self, stacks)]
  }
  try {
    // one value that is nested too deep to be wrapped must not cost the others theirs
    transferable(outcome.value, 'a result', MAX_VALUE_DEPTH - RELAY_LEVELS)
    return [DONE, outcome.value]
  } catch (error) {
    return [NOT_CALLED, encodeFailure(error, self, stacks)]
  }
}

function readRelay({ functionId, args }: ReadyRequest): { targets: readonly string[]; call: RelayedCall } {
  const [targets, timeoutMs, inner] = args
  const isTimeout = Number.isSafeInteger(timeoutMs) && (timeoutMs as number) >= 0 && (timeoutMs as number) < 2 ** 31
  if (args.length !== 3 || !Array.isArray(inner) || !isTimeout || !isTargets(targets))
    throw new ProtocolError('a relay has the wrong shape')
  return { targets, call: { functionId, args: inner as unknown[], timeoutMs: timeoutMs as number } }
}

function isTargets(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_RELAY_TARGETS) return false
  return value.every((id) => typeof id === 'string') && new Set(value).size === value.length
}
