import type { ActorStats } from '../node/actor-stats.ts'
import { type CancelScope, currentScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import { type ActorRef, type Cancelled, InvalidArgument, LimitExceeded, NotExposed } from '../node/errors.ts'
import type { RelayDesk } from './broadcast.ts'
import { type Builtins, isBuiltin } from './builtins.ts'
import { type AnyFunction, type ExposedFunction, exposedAs, exposedNamespace, type FunctionKind } from './exposed.ts'
import type { Kinship } from './kinship.ts'
import type { Misconduct } from './misconduct.ts'
import type { CallKind, FunctionDescription } from './protocol.ts'
import { ServedLane } from './served-lane.ts'
import type { Stage } from './stage.ts'
import { Task } from './task.ts'
import type { CallCounter, CallOutcome, Moment, Stats } from './stats.ts'
import { StreamArrivals } from './stream-arrivals.ts'
import type { CallServed } from './under-way.ts'
import type { Wire } from './wire.ts'

/** Lanes that one peer has open here at most, the oldest gives way: it needs one, and more when it reconnects. */
export const MAX_LANES_PER_PEER = 8

/** Milliseconds that an ending actor waits for its peers to read the last replies, at most. */
export const REPLIES_READ_MS = 500

export interface CalleeOptions {
  readonly self: ActorRef
  /** The scope that tasks run in: the actor's. */
  readonly scope: CancelScope
  readonly misconduct: Misconduct
  readonly kinship: Kinship
  readonly stats: Stats
  readonly relays: RelayDesk
  /** What members may ask of every actor. */
  readonly builtins: Builtins
  /** A peer asked the whole actor to end. */
  readonly onCancelActor: (reason: Cancelled, peer: string) => void
}

/** Serves calls: one task a request, each in a cancel scope of its own that ends with the caller's wish or its life. */
export class Callee {
  readonly #options: CalleeOptions
  readonly #allowed = new Set<string>()
  readonly #arrivals: StreamArrivals
  readonly #lanes = new Map<string, Set<ServedLane>>()
  readonly #stage: Stage
  /** Calls that were asked for by name, with who asked. */
  readonly #asked = new Map<Task, string>()
  #running = 0
  /** Calls of one function often come one after another. */
  #lastCalled = ''
  #lastCounter: CallCounter
  #lastStats: { readonly at: Moment; readonly stats: ActorStats } | undefined
  #idle: PromiseWithResolvers<void> | undefined
  #silent: Cancelled | undefined

  constructor(options: CalleeOptions) {
    this.#options = options
    this.#lastCounter = options.stats.unnamed
    this.#arrivals = new StreamArrivals((peer) => options.misconduct.streamRefused(peer))
    this.#stage = {
      self: options.self,
      scope: options.scope,
      arrivals: this.#arrivals,
      relays: options.relays,
      admit: (functionId, kind, peer) => this.#admit(functionId, kind, peer),
      refused: () => void (options.stats.callsRefused += 1),
      malformedTrace: () => void (options.stats.tracesMalformed += 1),
      describe: () => this.describe(),
      stats: () => this.#readStats(),
      cancelActor: (reason, peer) => options.onCancelActor(reason, peer),
      isSilent: (reason) => reason !== undefined && reason === this.#silent,
      began: (task) => this.#began(task),
      ended: (task, outcome) => this.#ended(task, outcome),
    }
  }

  /** Adds a namespace to the allow-list: nothing else can be called, whatever was imported. */
  allow(namespace: string): void {
    this.#allowed.add(namespace)
  }

  /** What may be called here. */
  describe(): FunctionDescription[] {
    return [...this.#allowed].flatMap((namespace) =>
      [...(exposedNamespace(namespace)?.values() ?? [])].map(({ id, kind }) => ({ id, kind })),
    )
  }

  /** Serves one peer's lane until it closes; closing it cancels every task that the peer asked for. */
  acceptLane(wire: Wire, peer: string): void {
    this.#makeRoom(peer)
    const lanes = this.#lanes.get(peer) ?? new Set()
    this.#lanes.set(peer, lanes)
    const leave = (lane: ServedLane): void => {
      lanes.delete(lane)
      if (lanes.size === 0 && this.#lanes.get(peer) === lanes) this.#lanes.delete(peer)
    }
    lanes.add(new ServedLane(wire, peer, this.#stage, this.#options.kinship.meet(peer), leave))
  }

  /** Takes a stream that a peer opened for one of its calls. */
  acceptStream(wire: Wire, peer: string): void {
    this.#arrivals.accept(wire, peer)
  }

  /**
   * Runs an exposed function that a peer has named in a question of its own, below the task of that question: admitted,
   * counted and shown as a call of that function.
   *
   * @throws NotExposed, InvalidArgument when it cannot be called so
   */
  perform(peer: string, functionId: string, kind: FunctionKind, args: readonly unknown[]): unknown {
    const { call } = this.#admit(functionId, kind, peer)
    const asking = currentScope()
    const task = new Task(asking, asking instanceof Task ? asking.id : 0, functionId, peer)
    this.#began(task)
    this.#asked.set(task, peer)
    const ended = (outcome: CallOutcome): void => {
      task.close()
      this.#asked.delete(task)
      this.#ended(task, outcome)
    }
    return kind === 'stream' ? runStream(task, call, args, ended) : runValue(task, call, args, ended)
  }

  /**
   * Leaves calls that a cancel of the actor cuts short without a reply: their callers hear by the end of the connection
   * that the actor has died, and how. What its tasks raise in answer is still told.
   */
  silence(reason: Cancelled): void {
    this.#silent = reason
  }

  /** The calls that run here. */
  underWay(): CallServed[] {
    const asked = [...this.#asked].flatMap(([{ functionId, began }, peer]) =>
      began === undefined ? [] : [{ functionId, peer, since: began.at }],
    )
    return [...this.#lanes.values()]
      .flatMap((lanes) => [...lanes].flatMap((lane) => [...lane.underWay()]))
      .concat(asked)
  }

  /** Resolves when every task that runs now has replied. */
  async idle(): Promise<void> {
    if (this.#running === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  /**
   * Ends every lane after the tasks, which the actor's scope has cancelled by then, have replied, and the peers have
   * read that: libp2p drops what was received but not handed up yet when the connection closes.
   *
   * @param readMs milliseconds that a peer has for it
   */
  async close(readMs: number = REPLIES_READ_MS): Promise<void> {
    await this.idle()
    const all = [...this.#lanes.values()].flatMap((lanes) => [...lanes])
    const read = Promise.all(all.map(async (lane) => await lane.ended))
    for (const lane of all) lane.close()
    this.#arrivals.close()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, readMs)
    await Promise.race([read, late.promise])
    clearTimeout(timer)
  }

  /** Connections that died unnoticed leave lanes behind, so it is the oldest that gives way. */
  #makeRoom(peer: string): void {
    const [oldest, ...others] = this.#lanes.get(peer) ?? []
    if (oldest === undefined || others.length < MAX_LANES_PER_PEER - 1) return
    this.#options.misconduct.streamRefused(peer)
    oldest.abort(new LimitExceeded('MAX_LANES_PER_PEER', `${MAX_LANES_PER_PEER} lanes of one peer are open`))
  }

  /** Those that arrive in one go get the same numbers: reading all of them takes a while. */
  #readStats(): ActorStats {
    const now = this.#options.stats.now()
    if (this.#lastStats?.at !== now) this.#lastStats = { at: now, stats: this.#options.stats.read() }
    return this.#lastStats.stats
  }

  #began(task: Task): void {
    const { stats } = this.#options
    this.#running += 1
    const counter = this.#counterOf(task.functionId)
    if (counter === undefined) return
    task.began = stats.now()
    task.counter = counter
    counter.begin()
  }

  /** None for what is built in: to be asked is not to be called. */
  #counterOf(functionId: string): CallCounter | undefined {
    if (functionId === this.#lastCalled) return this.#lastCounter
    const { stats } = this.#options
    const known = stats.known(functionId)
    if (known !== undefined) {
      this.#lastCalled = functionId
      return (this.#lastCounter = known)
    }
    const exposed = this.#exposed(functionId)
    if (exposed !== undefined) return stats.served(exposed.id, exposed.kind)
    return isBuiltin(functionId) ? undefined : stats.unnamed
  }

  #ended({ counter, began }: Task, outcome: CallOutcome): void {
    if (counter !== undefined && began !== undefined) this.#options.stats.servedEnded(counter, began, outcome)
    this.#running -= 1
    if (this.#running > 0 || this.#idle === undefined) return
    this.#idle.resolve()
    this.#idle = undefined
  }

  /** What may be called here by that name. */
  #exposed(functionId: string): ExposedFunction | undefined {
    const exposed = exposedAs(functionId)
    return exposed !== undefined && this.#allowed.has(exposed.namespace) ? exposed : undefined
  }

  #admit(functionId: string, kind: CallKind, peer: string): ExposedFunction {
    const exposed = this.#exposed(functionId) ?? this.#options.builtins.find(functionId, peer)
    if (exposed === undefined) throw this.#refusal(functionId)
    if ((kind === 'stream') === (exposed.kind === 'stream')) return exposed
    this.#options.stats.callsRefused += 1
    if (kind === 'stream')
      throw new InvalidArgument(`${exposed.id} is not an async function*: call it as a function, not as a stream`)
    throw new InvalidArgument(`${exposed.id} is a stream: call it as one, with portal.run or portal.stream`)
  }

  #refusal(functionId: string): NotExposed {
    this.#options.stats.callsRefused += 1
    const known = [...this.#allowed].join(', ') || 'nothing'
    return new NotExposed(
      functionId,
      `${this.#options.self.name} does not expose ${functionId} (it serves ${known}): ` +
        'expose the function in its module and give that module to the actor that has to serve it',
    )
  }
}

async function runValue(
  task: Task,
  call: AnyFunction,
  args: readonly unknown[],
  ended: (outcome: CallOutcome) => void,
): Promise<unknown> {
  try {
    const value: unknown = await task.run(async () => await call(...args))
    ended('succeeded')
    return value
  } catch (error) {
    ended(isEcho(error, task.reason) ? 'cancelled' : 'failed')
    throw error
  }
}

async function* runStream(
  task: Task,
  call: AnyFunction,
  args: readonly unknown[],
  ended: (outcome: CallOutcome) => void,
): AsyncGenerator<unknown> {
  let outcome: CallOutcome = 'cancelled'
  const items = task.run(() => (call(...args) as AsyncIterable<unknown>)[Symbol.asyncIterator]())
  try {
    for (;;) {
      // a generator runs in the scope of whoever calls next()
      const { done, value } = await task.run(async () => await items.next())
      if (done) {
        outcome = 'succeeded'
        return
      }
      yield value
    }
  } catch (error) {
    if (!isEcho(error, task.reason)) outcome = 'failed'
    throw error
  } finally {
    try {
      await task.run(async () => await items.return?.())
    } finally {
      ended(outcome)
    }
  }
}
