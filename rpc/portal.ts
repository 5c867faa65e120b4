import { inspect } from 'node:util'
import type { ActorStats } from '../node/actor-stats.ts'
import { type CancelScope, currentScope } from '../node/cancel-scope.ts'
import { noteInterrupted } from '../node/echoes.ts'
import { Cancelled, GreenroomError, InvalidArgument } from '../node/errors.ts'
import { type TraceSpan, type Tracing, tracing } from '../node/tracing.ts'
import { builtinId, isBuiltin } from './builtins.ts'
import { CallGroup } from './call-group.ts'
import { type CallOptions, checkCallOptions } from './call-options.ts'
import { CallScope } from './call-scope.ts'
import { callSpan, endWithCall, traced } from './call-span.ts'
import { atCallSite } from './call-site.ts'
import type { ContextFunction, Invoked, RunResult } from './call-types.ts'
import type { Caller, Target } from './caller.ts'
import { decode, encode } from './codec.ts'
import { type AnyFunction, checkFunctionId, exposedFunction } from './exposed.ts'
import { openCall, type OpenedCall } from './open-call.ts'
import { type CallLimits, PendingCall } from './pending-call.ts'
import type { CallKind, FunctionDescription } from './protocol.ts'
import { type OpenedContext, openRemoteContext, type RemoteContext } from './remote-context.ts'
import { RemoteStream } from './remote-stream.ts'
import { transferableArguments } from './request.ts'
import { retrying } from './retry.ts'
import { isStream } from './stream-sources.ts'
import { unknownFunction } from './unknown-function.ts'
import { TracedCall } from './traced-call.ts'

/** Milliseconds within which an actor acknowledges that it was cancelled. */
export const CANCEL_ACTOR_ACK_MS = 1_000

/**
 * A way into another actor: calls its exposed functions as if they were here.
 *
 * Disposing a portal cancels the calls that were made through it and are still in flight; the actor lives on.
 *
 * @example
 * ```ts
 * await using portal = await waitForActor('gretchen')
 * console.log(await portal.run(hi))
 * for await (const value of portal.run(count, 10)) console.log(value)
 * ```
 */
export class Portal<Result = unknown> implements AsyncDisposable {
  readonly #caller: Caller
  readonly #target: Target
  readonly #options: CallOptions
  readonly #result: (() => Result) | undefined
  /** The signal and timeout of the options, if there are any. */
  readonly #bounds: CallLimits | undefined
  readonly #life: CallGroup

  /** @param result what the actor's main task gives, for one that has a main task */
  constructor(caller: Caller, target: Target, result?: () => Result, shared?: Portal<Result>, options?: CallOptions) {
    this.#caller = caller
    this.#target = target
    this.#result = result
    this.#options = options ?? {}
    const { signal, timeout } = this.#options
    this.#bounds = signal === undefined && timeout === undefined ? undefined : { signal, timeout }
    this.#life = shared === undefined ? new CallGroup() : shared.#life
  }

  get name(): string {
    return this.#target.name
  }

  /** The peer id; of a restarted actor, that of its latest incarnation. */
  get id(): string {
    return this.#target.id
  }

  /**
   * Calls an exposed function in the actor; an `async function*` gives a stream.
   *
   * @throws NotExposed when the function was not exposed here, or is not in the actor's allow-list
   * @throws RemoteActorError when the function raised; `cause` is its error
   * @throws ActorDied when the actor is gone; its `mayHaveRun` is false when the call certainly was not sent
   * @throws Cancelled when the current scope is cancelled; the remote task has stopped by then, or its bound is over
   */
  run<F extends AnyFunction>(fn: F, ...args: Parameters<F>): RunResult<F> {
    const { id, kind } = exposedFunction(fn)
    return (kind === 'stream' ? this.stream(id, ...args) : this.#call(id, args)) as RunResult<F>
  }

  /** Calls a function by `namespace#name`, untyped: for tools and callers that do not have the module. */
  async call(functionId: string, ...args: unknown[]): Promise<unknown> {
    checkFunctionId(functionId)
    return await this.#call(functionId, args)
  }

  /** Like {@link call}, for an `async function*`. */
  stream(functionId: string, ...args: unknown[]): RemoteStream<unknown> {
    checkFunctionId(functionId)
    this.#assertNoRetry('a stream')
    const scope = this.#open(functionId)
    const opened =
      tracing === undefined || isBuiltin(functionId)
        ? openCall(this.#caller, this.#target, functionId, args, 'stream', scope)
        : this.#openTraced(tracing, functionId, args, scope)
    return new RemoteStream(opened, this.#target, scope, this.#tracked(scope))
  }

  /**
   * Starts a function that takes a {@link Context} and waits until it says `started()`.
   *
   * @throws what the function raised before it started
   * @example
   * ```ts
   * await using context = await portal.openContext(ticker, 3)
   * for await (const tick of context.stream()) console.log(context.started, tick)
   * ```
   */
  async openContext<Send, Receive, Started, Args extends unknown[], R>(
    fn: ContextFunction<Send, Receive, Started, Args, R>,
    ...args: Args
  ): Promise<RemoteContext<Receive, Send, Started, R>> {
    const { id } = exposedFunction(fn as AnyFunction)
    this.#assertNoRetry('a context')
    const scope = this.#open(id)
    const end = this.#tracked(scope)
    try {
      const open = async (): Promise<OpenedContext> =>
        await openRemoteContext(this.#caller, this.#target, id, args, scope)
      const { context, ended } = await scope.translate(
        tracing === undefined ? open() : this.#openTracedContext(tracing, id, scope, open),
        false,
      )
      void ended.then(end)
      return context as RemoteContext<Receive, Send, Started, R>
    } catch (error) {
      end()
      throw atCallSite(error)
    }
  }

  /**
   * The same portal with a signal, a time limit or leave to retry for each call made through it. It shares its life
   * with this one: disposing either ends the calls of both.
   *
   * @throws InvalidArgument when `timeout` is not in 0 to 2^31-1 milliseconds, or another option is none
   * @example
   * ```ts
   * const patient = portal.with({ timeout: 5_000, retry: 'idempotent' })
   * console.log(await patient.run(hi))
   * ```
   */
  with(options: CallOptions): Portal<Result> {
    checkCallOptions(options)
    return new Portal(this.#caller, this.#target, this.#result, this, { ...this.#options, ...options })
  }

  /**
   * What the main task of an actor started by `runInActor` gives: the same value, error or stream each time.
   *
   * @throws GreenroomError `NO_MAIN_TASK` for an actor without one
   */
  result(): Result {
    if (this.#result === undefined)
      throw new GreenroomError('NO_MAIN_TASK', `${this.name} has no main task here: only runInActor gives a result()`)
    return this.#result()
  }

  /** Milliseconds of a round trip to the actor and back, once there is a connection. */
  async ping(): Promise<number> {
    await this.#caller.reach(this.#target)
    const sent = performance.now()
    await this.#call(builtinId('ping'), [])
    return performance.now() - sent
  }

  /**
   * Calls an exposed function by `namespace#name`, whichever kind it is: what a person types. Unlike {@link call}, it asks the
   * actor first what there is, and the actor tells its mesh who has called what, as an `act` event.
   *
   * A function that takes a {@link Context} cannot be called so: {@link openContext} opens it.
   *
   * @param args what the function takes; plain data and streams alike
   * @throws NotExposed when there is no such function: the message lists those that there are
   * @throws RemoteActorError when the function raised; `cause` is its error
   * @example
   * ```ts
   * const outcome = await portal.invoke('film#hi')
   * if (outcome.kind === 'value') console.log(outcome.value)
   * else for await (const item of outcome.items) console.log(item)
   * ```
   */
  async invoke(functionId: string, args: readonly unknown[] = []): Promise<Invoked> {
    checkFunctionId(functionId)
    if (!Array.isArray(args)) throw new InvalidArgument(`args is a list, got ${inspect(args, { depth: 0 })}`)
    const known = await this.describe()
    const found = known.find(({ id }) => id === functionId)
    if (found === undefined) throw unknownFunction(this.name, functionId, known)
    const as = this.#caller.self.name
    if (found.kind === 'stream')
      return { kind: 'stream', items: this.stream(builtinId('stream'), functionId, as, ...args) }
    return { kind: 'value', value: await this.#call(builtinId('call'), [functionId, as, ...args]) }
  }

  /**
   * Cancels the whole actor; resolves at its acknowledgement. The actor tells its mesh who has done so.
   *
   * @param options `reason`: why, at most 1,000 characters; whoever relies on the actor is told
   * @throws ActorTooSlow when that does not come within 1,000 ms: whoever supervises the actor then uses force
   */
  async cancelActor({ reason }: { readonly reason?: string } = {}): Promise<void> {
    await this.#caller.cancelActor(this.#target, CANCEL_ACTOR_ACK_MS, reason)
  }

  /** The functions that the actor serves, with their kind. */
  async describe(): Promise<FunctionDescription[]> {
    return await this.#caller.describe(this.#target)
  }

  /**
   * Counters of the actor since its start: calls, errors, bytes, streams, latencies.
   *
   * @example
   * ```ts
   * const { served } = await portal.stats()
   * console.log(`${served.inFlight} calls under way, half of them done within ${served.latency.p50Us} µs`)
   * ```
   */
  async stats(): Promise<ActorStats> {
    return await this.#caller.stats(this.#target)
  }

  /** Cancels what is in flight through this portal and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.cancel(new Cancelled('the caller', 'the portal was disposed'))
    await this.#life.idle()
  }

  /** The path of nearly all calls: one object and one promise, and nothing to wait for in between. */
  #call(functionId: string, args: readonly unknown[]): Promise<unknown> {
    try {
      this.#life.throwIfCancelled()
      const scope = currentScope()
      if (scope.cancelled) noteInterrupted(scope.reason, this.#calling(functionId))
      scope.throwIfCancelled()
      const stepwise = hasStream(args) || this.#options.retry !== undefined
      const lane = stepwise ? undefined : this.#caller.laneNow(this.#target)
      if (lane === undefined) return this.#callInSteps(functionId, args)
      const values = transferableArguments(args)
      const call =
        tracing === undefined || isBuiltin(functionId)
          ? new PendingCall(functionId, values, 'value', scope)
          : new TracedCall(this.#span(tracing, functionId, 'value'), functionId, values, scope)
      call.waitFor(lane)
      call.join(this.#life)
      scope.link(call)
      if (this.#bounds !== undefined) call.bound(this.#bounds)
      lane.send(call)
      return call.outcome
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #span(by: Tracing, functionId: string, kind: CallKind): TraceSpan {
    return callSpan(by, functionId, kind, this.#caller.self, this.#target)
  }

  #callInSteps(functionId: string, args: readonly unknown[]): Promise<unknown> {
    const perform = (): Promise<unknown> => this.#performInSteps(functionId, args)
    if (tracing === undefined || isBuiltin(functionId)) return perform()
    return traced(this.#span(tracing, functionId, 'value'), perform)
  }

  /** For a call that is more than one request. */
  async #performInSteps(functionId: string, args: readonly unknown[]): Promise<unknown> {
    if (hasStream(args)) this.#assertNoRetry('a call whose arguments stream')
    const scope = this.#open(functionId)
    const outcome = this.#attempt(functionId, args, scope).catch((error: unknown) => {
      noteInterrupted(error, this.#calling(functionId))
      throw error
    })
    try {
      return await this.#track(scope.translate(outcome))
    } catch (error) {
      throw atCallSite(error)
    }
  }

  async #attempt(functionId: string, args: readonly unknown[], scope: CancelScope): Promise<unknown> {
    const target = this.#target
    if (this.#options.retry === undefined) return await this.#caller.call(target, functionId, args, scope)
    // A copy: each attempt sends what the call was made with.
    const copy = decode(encode(transferableArguments(args))) as readonly unknown[]
    return await retrying(
      scope,
      async () => await this.#caller.call(target, functionId, copy, scope),
      ({ lost }) => lost || target.comeback !== undefined,
    )
  }

  #openTraced(by: Tracing, functionId: string, args: readonly unknown[], scope: CallScope): Promise<OpenedCall> {
    const span = this.#span(by, functionId, 'stream')
    const gone = Promise.withResolvers<void>()
    const events = { onClose: () => gone.resolve() }
    const opened = span.run(() => openCall(this.#caller, this.#target, functionId, args, 'stream', scope, events))
    void endWithCall(span, opened, gone.promise, (error) => scope.explain(error))
    return opened
  }

  async #openTracedContext(
    by: Tracing,
    functionId: string,
    scope: CallScope,
    open: () => Promise<OpenedContext>,
  ): Promise<OpenedContext> {
    const span = this.#span(by, functionId, 'context')
    const opening = span.run(open)
    const opened = opening.then(({ opened: call }) => call)
    void endWithCall(span, opened, Promise.resolve(), (error) => scope.explain(error))
    return await opening
  }

  #assertNoRetry(what: string): void {
    if (this.#options.retry !== undefined)
      throw new InvalidArgument(`${what} cannot be made twice: use a portal without retry for it`)
  }

  #open(functionId: string): CallScope {
    this.#life.throwIfCancelled()
    return new CallScope(currentScope(), this.#life, this.#options, this.#calling(functionId))
  }

  #calling(functionId: string): string {
    return `calling ${functionId} in ${this.name}`
  }

  /** What disposing the portal waits for, from now on until what this gives is called. */
  #tracked(scope: CallScope): () => void {
    this.#life.enter()
    return () => {
      scope.close()
      this.#life.leave()
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#life.enter()
    try {
      return await work
    } finally {
      this.#life.leave()
    }
  }
}

function hasStream(args: readonly unknown[]): boolean {
  for (let i = 0; i < args.length; i++) if (isStream(args[i])) return true
  return false
}
