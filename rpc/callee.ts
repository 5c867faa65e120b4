import { CancelScope, isEcho } from '../node/cancel-scope.ts'
import {
  type ActorRef,
  Cancelled,
  DeadlineExceeded,
  describeError,
  InvalidArgument,
  LimitExceeded,
  NotExposed,
  ProtocolError,
} from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import { SourceRaised, withArguments } from './argument-streams.ts'
import { encodeFailure } from './error-codec.ts'
import { type ExposedFunction, exposedNamespace } from './exposed.ts'
import { FrameStream } from './frame-stream.ts'
import type { Acquaintance, Kinship } from './kinship.ts'
import {
  CALL,
  type CallRequest,
  CANCEL,
  CANCEL_ACTOR,
  DESCRIBE,
  FAILURE,
  type FunctionDescription,
  KINSHIP,
  KINSHIP_BACK,
  MAX_WORDS,
  parseRequest,
  REFUSAL,
  RESULT,
} from './protocol.ts'
import type { Misconduct } from './misconduct.ts'
import { StreamArrivals } from './stream-arrivals.ts'
import { performStreaming } from './streaming-task.ts'
import { assertTransferable } from './transferable.ts'
import type { Wire } from './wire.ts'

/** Lanes that one peer has open here at most, the oldest gives way: it needs one, and more when it reconnects. */
export const MAX_LANES_PER_PEER = 8
/** Calls of one peer that run here at a time; a peer of this version queues on its own side before that. */
export const MAX_TASKS_PER_PEER = 8_192

export interface CalleeOptions {
  readonly self: ActorRef
  /** The scope that tasks run in: the actor's. */
  readonly scope: CancelScope
  readonly misconduct: Misconduct
  /** Somebody asked the whole actor to end. */
  readonly onCancelActor: (reason: Cancelled) => void
  readonly kinship: Kinship
}

/** Serves calls: one task a request, each in a cancel scope of its own that ends with the caller's wish or its life. */
export class Callee {
  readonly #options: CalleeOptions
  readonly #allowed = new Set<string>()
  readonly #arrivals: StreamArrivals
  readonly #log = areaLog('rpc')
  readonly #lanes = new Map<FrameStream, Acquaintance>()
  readonly #lanesOf = new Map<string, Set<FrameStream>>()
  readonly #running = new Set<Promise<void>>()

  constructor(options: CalleeOptions) {
    this.#options = options
    this.#arrivals = new StreamArrivals((peer) => options.misconduct.streamRefused(peer))
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
    const tasks = new Map<number, CancelScope>()
    const lane: FrameStream = new FrameStream(wire, {
      onFrame: (frame) => this.#onRequest(lane, tasks, peer, frame),
      onBreach: (error) => lane.sendControl([REFUSAL, 0, describeError(error).slice(0, MAX_WORDS)]),
      onClose: () => {
        this.#lanes.delete(lane)
        this.#lanesOf.get(peer)?.delete(lane)
        if (this.#lanesOf.get(peer)?.size === 0) this.#lanesOf.delete(peer)
        for (const scope of tasks.values()) scope.cancel(new Cancelled(peer.slice(-8), 'the caller is gone'))
      },
    })
    this.#lanes.set(lane, this.#options.kinship.meet(peer))
    const lanes = this.#lanesOf.get(peer) ?? new Set()
    this.#lanesOf.set(peer, lanes.add(lane))
  }

  /** Takes a stream that a peer opened for one of its calls. */
  acceptStream(wire: Wire, peer: string): void {
    this.#arrivals.accept(wire, peer)
  }

  /** Ends every lane after the tasks, which the actor's scope has cancelled by then, have replied. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running)
    for (const lane of this.#lanes.keys()) lane.close()
    this.#arrivals.close()
  }

  /** Connections that died unnoticed leave lanes behind, so it is the oldest that gives way. */
  #makeRoom(peer: string): void {
    const [oldest, ...others] = this.#lanesOf.get(peer) ?? []
    if (oldest === undefined || others.length < MAX_LANES_PER_PEER - 1) return
    this.#options.misconduct.streamRefused(peer)
    oldest.abort(new LimitExceeded('MAX_LANES_PER_PEER', `${MAX_LANES_PER_PEER} lanes of one peer are open`))
  }

  #onRequest(lane: FrameStream, tasks: Map<number, CancelScope>, peer: string, frame: unknown): void {
    const request = parseRequest(frame)
    switch (request.type) {
      case CALL:
        this.#start(lane, tasks, peer, request)
        return
      case CANCEL:
        tasks.get(request.id)?.cancel(new Cancelled(request.by, request.why))
        return
      case CANCEL_ACTOR:
        lane.send([RESULT, request.id, undefined])
        this.#options.onCancelActor(new Cancelled(request.by, request.why))
        return
      case DESCRIBE:
        lane.send([RESULT, request.id, this.describe()])
        return
      case KINSHIP:
        this.#greet(lane, request.proof)
    }
  }

  /** A peer that belongs to this actor's tree hears that this actor does so as well. */
  #greet(lane: FrameStream, proof: unknown): void {
    const acquaintance = this.#lanes.get(lane)
    if (acquaintance === undefined || acquaintance.kin) return
    acquaintance.hear(proof)
    if (acquaintance.kin) lane.sendSoon([KINSHIP_BACK, 0, acquaintance.proof])
  }

  #start(lane: FrameStream, tasks: Map<number, CancelScope>, peer: string, request: CallRequest): void {
    if (tasks.has(request.id)) throw new ProtocolError(`request id ${request.id} is in use`)
    const scope = new CancelScope(this.#options.scope)
    const timer = request.timeoutMs > 0 ? this.#arm(scope, request.timeoutMs) : undefined
    tasks.set(request.id, scope)
    const task = this.#answer(lane, tasks.size, peer, request, scope).finally(() => {
      clearTimeout(timer)
      scope.close()
      tasks.delete(request.id)
      this.#running.delete(task)
    })
    this.#running.add(task)
  }

  #arm(scope: CancelScope, timeoutMs: number): NodeJS.Timeout {
    const ms = Math.min(timeoutMs, 2 ** 31 - 1)
    scope.deadline = performance.now() + ms
    const why = `the caller's deadline of ${ms} ms is over`
    return setTimeout(
      () => scope.cancel(new Cancelled(this.#options.self.name, why, { cause: new DeadlineExceeded(ms) })),
      ms,
    )
  }

  /** Never rejects: whatever happens becomes the reply. */
  async #answer(
    lane: FrameStream,
    load: number,
    peer: string,
    request: CallRequest,
    scope: CancelScope,
  ): Promise<void> {
    try {
      const value = await withArguments(
        request,
        this.#arrivals,
        peer,
        scope,
        async (ready) => await this.#perform(ready, load, peer, scope),
      )
      assertTransferable(value, `the result of ${request.functionId}`)
      // Results wait for a peer that reads slowly, instead of failing: asked anew each time, because others wait as
      // well.
      for (let room = lane.drained(); room !== undefined; room = lane.drained()) await room
      lane.send([RESULT, request.id, value])
    } catch (error) {
      this.#log.debug(`${request.functionId} failed: ${describeError(error)}`)
      // A function that waited with a signal raises an AbortError: the caller is to know its own cancel again.
      await this.#fail(lane, request.id, isEcho(error, scope.reason) ? scope.reason : error)
    }
  }

  /** An error that is larger than a frame still arrives, without what made it so. */
  async #fail(lane: FrameStream, id: number, error: unknown): Promise<void> {
    for (let room = lane.drained(); room !== undefined; room = lane.drained()) await room
    const stacks = this.#lanes.get(lane)?.seesStacks ?? false
    if (error instanceof SourceRaised) {
      lane.sendControl([FAILURE, id, encodeFailure(error.cause, this.#options.self, stacks, 'brief'), error.index])
      return
    }
    try {
      lane.send([FAILURE, id, encodeFailure(error, this.#options.self, stacks)])
    } catch {
      lane.sendControl([FAILURE, id, encodeFailure(error, this.#options.self, stacks, 'brief')])
    }
  }

  async #perform(request: CallRequest, load: number, peer: string, scope: CancelScope): Promise<unknown> {
    scope.throwIfCancelled()
    if (load > MAX_TASKS_PER_PEER)
      throw new LimitExceeded('MAX_TASKS_PER_PEER', `${load} calls of one caller run in ${this.#options.self.name}`)
    if (request.kind === 'value') {
      const exposed = this.#admit(request)
      return await scope.run(async () => await exposed.call(...request.args))
    }
    return await performStreaming(request, (call) => this.#admit(call), this.#arrivals, peer, scope)
  }

  #admit({ functionId, kind }: CallRequest): ExposedFunction {
    const exposed = this.#lookUp(functionId)
    if (kind === 'stream' && exposed.kind !== 'stream')
      throw new InvalidArgument(`${exposed.id} is not an async function*: call it as a function, not as a stream`)
    if (kind !== 'stream' && exposed.kind === 'stream')
      throw new InvalidArgument(`${exposed.id} is a stream: call it as one, with portal.run or portal.stream`)
    return exposed
  }

  #lookUp(functionId: string): ExposedFunction {
    const at = functionId.indexOf('#')
    const namespace = functionId.slice(0, at)
    const exposed = this.#allowed.has(namespace)
      ? exposedNamespace(namespace)?.get(functionId.slice(at + 1))
      : undefined
    if (exposed !== undefined) return exposed
    const known = [...this.#allowed].join(', ') || 'nothing'
    throw new NotExposed(
      functionId,
      `${this.#options.self.name} does not expose ${functionId} (it serves ${known}): ` +
        'expose the function in its module and give that module to the actor that has to serve it',
    )
  }
}
