import { inspect } from 'node:util'
import { currentScope } from '../node/cancel-scope.ts'
import { type ActorRef, DeadlineExceeded, InvalidArgument } from '../node/errors.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'
import { type TraceSpan, type Tracing, tracing } from '../node/tracing.ts'
import { atMost, checkRelayed, type Outcome, type RelayedCall, settled } from '../rpc/broadcast.ts'
import { traced } from '../rpc/call-span.ts'
import { type AnyFunction, exposedFunction } from '../rpc/exposed.ts'
import { DEADLINE_SKEW_MS } from '../rpc/pending-call.ts'
import { isStream } from '../rpc/stream-sources.ts'
import { targetOf } from './actor-info.ts'
import { currentDiscovery, type Discovery } from './discovery.ts'
import { type Part, partsOf, recipientsOf } from './recipients.ts'
import { inGroup, type Selection, selectionOf, type Where } from './selection.ts'

/** Whom a broadcast is for, all that is given together; at least one of name, group and condition. */
export interface BroadcastTo {
  readonly name?: string
  readonly group?: string
  readonly where?: Where
  /** Milliseconds for each actor, 1 to 2^31-1; one that takes longer is `rejected`, the others are not kept waiting. */
  readonly timeout?: number
}

/** What became of a broadcast in one actor. */
export type BroadcastOutcome<T> = { readonly actor: ActorRef } & (
  | { readonly status: 'fulfilled'; readonly value: T }
  | { readonly status: 'rejected'; readonly reason: unknown }
)

/** For functions that give one value; `never` for those that stream. */
type GivesValue<F extends AnyFunction> = [ReturnType<F>] extends [never]
  ? unknown
  : ReturnType<F> extends AsyncIterable<unknown>
    ? never
    : unknown

/**
 * Calls an exposed function in all actors of a name, of a group, or that conditions select; this actor, if it is one of
 * them, included. A cancel point.
 *
 * The call goes once to each host: when several of the actors are below one root, that root gets one message for all of
 * them, calls them, and sends their outcomes back together. Each actor decides by its own allow-list. Who is called is
 * decided when the broadcast begins.
 *
 * A cancel or deadline of the scope reaches every call, as it does a single one.
 *
 * @param to a name, or whom it is for; 10,000 actors at most
 * @param fn a function that gives one value, not a stream; none of its arguments may stream
 * @returns one outcome for each actor, the oldest actor first; it does not throw because some, or all, have failed. The
 * `reason` is what a call of that actor alone would have thrown
 * @throws NotExposed when the function was not exposed here
 * @throws LimitExceeded when more actors are selected, or too much was sent before
 * @throws InvalidArgument with the path to what cannot be used or cannot travel; nothing is sent then
 * @throws Cancelled when the scope is cancelled; the calls have ended by then, or their bound is over
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const outcomes = await broadcast({ group: 'caches', timeout: 2_000 }, forget, 'users/7')
 * for (const { actor, status } of outcomes) if (status === 'rejected') console.warn(`${actor.name} may be stale`)
 * ```
 */
export async function broadcast<F extends AnyFunction>(
  to: string | BroadcastTo,
  fn: F & GivesValue<F>,
  ...args: Parameters<F>
): Promise<BroadcastOutcome<Awaited<ReturnType<F>>>[]> {
  const { id: functionId, kind } = exposedFunction(fn)
  if (kind === 'stream')
    throw new InvalidArgument(`${functionId} is a stream: a broadcast calls functions that give one value`)
  const { selection, timeoutMs } = readTo(to)
  for (const [index, arg] of args.entries())
    if (isStream(arg)) throw new InvalidArgument(`args[${index}] streams, which a broadcast does not carry`)
  checkRelayed(args)
  const discovery = currentDiscovery()
  const { registry } = discovery.state
  const records = recipientsOf(registry, selection)
  const parts = partsOf(registry, discovery.root, records)
  const outcomes = new Map<string, Outcome>()
  const call = { functionId, args, timeoutMs }
  const callAll = async (): Promise<unknown> =>
    await Promise.all(parts.map(async (part) => await perform(discovery, part, call, outcomes)))
  await (tracing === undefined
    ? callAll()
    : traced(broadcastSpan(tracing, functionId, discovery, records.length), callAll))
  // what the calls say of the cancel of their caller is no outcome
  currentScope().throwIfCancelled()
  return records.map(
    ({ name, peerId }) =>
      ({ actor: { name, id: peerId }, ...outcomes.get(peerId) }) as BroadcastOutcome<Awaited<ReturnType<F>>>,
  )
}

function broadcastSpan(by: Tracing, functionId: string, { self }: Discovery, actors: number): TraceSpan {
  return by.start('broadcast', {
    kind: 'internal',
    attributes: {
      'rpc.system.name': 'greenroom',
      'rpc.method': functionId,
      'greenroom.actor.name': self.name,
      'greenroom.actor.id': self.id,
      'greenroom.broadcast.actors': actors,
    },
  })
}

async function perform(
  { rpc }: Discovery,
  { root, actors }: Part,
  call: RelayedCall,
  outcomes: Map<string, Outcome>,
): Promise<void> {
  if (root === undefined) {
    for (const actor of actors) outcomes.set(actor.peerId, await settled(rpc.callInTurn(targetOf(actor), call)))
    return
  }
  const ids = actors.map(({ peerId }) => peerId)
  const { timeoutMs } = call
  try {
    // the root keeps the time of each call; a root that does not answer must not keep anybody waiting
    const limitMs = timeoutMs > 0 ? Math.min(MAX_TIMEOUT_MS, timeoutMs + DEADLINE_SKEW_MS) : 0
    const all = await atMost(limitMs, async () => await rpc.relay(targetOf(root), ids, call))
    for (const [index, outcome] of all.entries()) outcomes.set(ids[index]!, outcome)
  } catch (error) {
    const late = error instanceof DeadlineExceeded && timeoutMs > 0
    const reason = late ? new DeadlineExceeded(timeoutMs, `calling ${call.functionId} by way of ${root.name}`) : error
    for (const id of ids) outcomes.set(id, { status: 'rejected', reason })
  }
}

function readTo(to: string | BroadcastTo): { readonly selection: Selection; readonly timeoutMs: number } {
  if (typeof to === 'string') return { selection: selectionOf(to), timeoutMs: 0 }
  if (typeof to !== 'object' || to === null)
    throw new InvalidArgument(`a broadcast is to a name, or { name, group, where }, got ${inspect(to, { depth: 0 })}`)
  const { name, group, where, timeout = 0, ...others } = to
  for (const key of Object.keys(others))
    throw new InvalidArgument(`'${key}' is no option of a broadcast: use name, group, where or timeout`)
  if (name === undefined && group === undefined && where === undefined)
    throw new InvalidArgument('a broadcast needs a name, a group or a condition: whom is it for?')
  if (to.timeout !== undefined && !(Number.isInteger(timeout) && timeout >= 1 && timeout <= MAX_TIMEOUT_MS))
    throw new InvalidArgument(`timeout is 1 to ${MAX_TIMEOUT_MS} ms, got ${inspect(timeout)}`)
  const selection = selectionOf(name, where === undefined ? undefined : { where })
  return { selection: group === undefined ? selection : inGroup(selection, group), timeoutMs: timeout }
}
