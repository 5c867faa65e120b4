import { isEcho } from '../node/echoes.ts'
import { Cancelled, describeError, LimitExceeded, ProtocolError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import { isTrace, type TraceSpan, tracing } from '../node/tracing.ts'
import { SourceRaised, withArguments } from './argument-streams.ts'
import { isBuiltin } from './builtins.ts'
import { servedSpan } from './call-span.ts'
import { encodeFailure, type Fidelity } from './error-codec.ts'
import type { ExposedFunction } from './exposed.ts'
import { FrameStream } from './frame-stream.ts'
import type { Acquaintance } from './kinship.ts'
import { LaneFrameReader, sendFrame, sendResult } from './lane-frames.ts'
import { isTooLargeForLane, offerLargeOutcome, type ReadyRequest } from './large-values.ts'
import {
  CALL,
  type CallKind,
  type CallRequest,
  CANCEL,
  CANCEL_ACTOR,
  DESCRIBE,
  FAILURE,
  KINSHIP,
  MAX_WORDS,
  KINSHIP_BACK,
  LARGE_OUTCOME,
  MAX_PIECE_BYTES,
  PART_RESULT,
  parseRequest,
  REFUSAL,
  RESULT,
  STATS,
} from './protocol.ts'
import type { Stage } from './stage.ts'
import type { CallOutcome } from './stats.ts'
import { performStreaming } from './streaming-task.ts'
import { Task, TracedTask } from './task.ts'
import { transferable } from './transferable.ts'
import type { CallServed } from './under-way.ts'
import type { PeerTraffic, Wire } from './wire.ts'

/** Calls of one peer that run here at a time; a peer of this version queues on its own side before that. */
export const MAX_TASKS_PER_PEER = 8_192

/** The serving side of one peer's lane: one task a request, each of which gets exactly one reply. */
export class ServedLane {
  readonly #stage: Stage
  readonly #peer: string
  readonly #frames: FrameStream
  readonly #traffic: PeerTraffic | undefined
  readonly #acquaintance: Acquaintance
  readonly #reader = new LaneFrameReader()
  /** Those that have not ended at once. */
  readonly #tasks = new Map<number, Task>()
  readonly #log = areaLog('rpc')

  /** @param onClose called once; every task that the peer asked for is being cancelled then */
  constructor(wire: Wire, peer: string, stage: Stage, acquaintance: Acquaintance, onClose: (lane: ServedLane) => void) {
    this.#stage = stage
    this.#peer = peer
    this.#traffic = wire.traffic
    this.#acquaintance = acquaintance
    const frames: FrameStream = new FrameStream(wire, {
      onBytes: (bytes, start, end) => this.#onBytes(bytes, start, end),
      onFrame: (frame) => this.#onFrame(frame),
      onBreach: (error) => frames.sendControl([REFUSAL, 0, describeError(error).slice(0, MAX_WORDS)]),
      onClose: () => {
        onClose(this)
        const gone = new Cancelled(peer.slice(-8), 'the caller is gone')
        for (const task of this.#tasks.values()) task.cancel(gone)
      },
    })
    this.#frames = frames
  }

  /** Resolves when the peer asks no more: after {@link close}, once it has read the replies. */
  get ended(): Promise<void> {
    return this.#frames.ended
  }

  /** Those of its calls that run here. */
  *underWay(): Generator<CallServed> {
    for (const { functionId, began } of this.#tasks.values())
      if (began !== undefined) yield { functionId, peer: this.#peer, since: began.at }
  }

  close(): void {
    this.#frames.close()
  }

  abort(error: Error): void {
    this.#frames.abort(error)
  }

  #onBytes(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = this.#reader
    if (!reader.readCall(bytes, start, end)) return false
    if (this.#traffic !== undefined) this.#traffic.calls += 1
    const task = this.#begin(reader.id, reader.functionId, reader.timeoutMs, 'value', reader.trace)
    if (task.span === undefined) this.#perform(task, reader.args)
    else this.#performInSpan(task.span, task, reader.args)
    return true
  }

  #onFrame(frame: unknown): void {
    const request = parseRequest(frame)
    switch (request.type) {
      case CALL: {
        // what is passed on is counted where it runs
        const what = request.kind === 'relay' ? `a relay of ${request.functionId}` : request.functionId
        const task = this.#begin(request.id, what, request.timeoutMs, request.kind, request.trace)
        if (request.kind !== 'value' || request.streams.length > 0 || request.args === null)
          void this.#performStreaming(task, request)
        else if (task.span === undefined) this.#perform(task, request.args)
        else this.#performInSpan(task.span, task, request.args)
        return
      }
      case CANCEL:
        this.#tasks.get(request.id)?.cancel(new Cancelled(request.by, request.why))
        return
      case CANCEL_ACTOR:
        this.#frames.send([RESULT, request.id, undefined])
        this.#stage.cancelActor(new Cancelled(request.by, request.why), this.#peer)
        return
      case DESCRIBE:
        this.#frames.send([RESULT, request.id, this.#stage.describe()])
        return
      case STATS:
        this.#frames.send([RESULT, request.id, this.#stage.stats()])
        return
      case KINSHIP:
        this.#greet(request.proof)
    }
  }

  /** A peer that belongs to this actor's tree hears that this actor does so as well. */
  #greet(proof: unknown): void {
    const acquaintance = this.#acquaintance
    if (acquaintance.kin) return
    acquaintance.hear(proof)
    if (acquaintance.kin) this.#frames.sendSoon([KINSHIP_BACK, 0, acquaintance.proof])
  }

  #begin(id: number, functionId: string, timeoutMs: number, kind: CallKind, trace: unknown): Task {
    if (this.#tasks.has(id)) throw new ProtocolError(`request id ${id} is in use`)
    const { scope } = this.#stage
    const span = tracing === undefined && trace === undefined ? undefined : this.#spanOf(functionId, kind, trace)
    const task =
      span === undefined
        ? new Task(scope, id, functionId, this.#peer)
        : new TracedTask(scope, id, functionId, this.#peer, span)
    if (timeoutMs > 0) task.arm(timeoutMs, this.#stage.self)
    this.#stage.began(task)
    return task
  }

  #spanOf(functionId: string, kind: CallKind, trace: unknown): TraceSpan | undefined {
    const from = isTrace(trace) ? trace : undefined
    if (trace !== undefined && from === undefined) this.#stage.malformedTrace()
    if (tracing === undefined || isBuiltin(functionId)) return undefined
    return servedSpan(tracing, functionId, kind, this.#stage.self, this.#peer, from)
  }

  #performInSpan(span: TraceSpan, task: Task, args: readonly unknown[]): void {
    span.run(() => this.#perform(task, args))
  }

  /** Whatever happens becomes the reply; that of a function that does not wait leaves with those of its batch. */
  #perform(task: Task, args: readonly unknown[]): void {
    let value: unknown
    let later: boolean
    try {
      this.#assertStartable(task)
      const { call } = this.#stage.admit(task.functionId, 'value', this.#peer)
      value = task.run(call, ...args)
      later = isThenable(value)
      if (later && !(value instanceof Promise)) value = task.run(async () => await value)
    } catch (error) {
      this.#fail(task, error)
      return
    }
    if (!later) return this.#succeed(task, value)
    this.#tasks.set(task.id, task)
    void (value as Promise<unknown>).then(
      (result) => this.#succeed(task, result),
      (error: unknown) => this.#fail(task, error),
    )
  }

  /** A call whose data or arguments have streams of their own. */
  async #performStreaming(task: Task, request: CallRequest): Promise<void> {
    try {
      this.#assertStartable(task)
      this.#tasks.set(task.id, task)
      const { arrivals } = this.#stage
      const perform = async (ready: ReadyRequest): Promise<unknown> => await this.#performReady(task, ready)
      const run = async (): Promise<unknown> => await withArguments(request, arrivals, this.#peer, task, perform)
      this.#succeed(task, await (task.span === undefined ? run() : task.span.run(run)))
    } catch (error) {
      this.#fail(task, error)
    }
  }

  async #performReady(task: Task, request: ReadyRequest): Promise<unknown> {
    const stage = this.#stage
    if (request.kind === 'relay')
      return await stage.relays.perform(this.#peer, request, task, this.#acquaintance.seesStacks)
    const admit = ({ functionId, kind }: CallRequest): ExposedFunction => stage.admit(functionId, kind, this.#peer)
    if (request.kind !== 'value') return await performStreaming(request, admit, stage.arrivals, this.#peer, task)
    const exposed = admit(request)
    return await task.run(async () => await exposed.call(...request.args))
  }

  #assertStartable(task: Task): void {
    task.throwIfCancelled()
    const load = this.#tasks.size
    if (load < MAX_TASKS_PER_PEER) return
    this.#stage.refused()
    throw new LimitExceeded('MAX_TASKS_PER_PEER', `${load} calls of one caller run in ${this.#stage.self.name}`)
  }

  #succeed(task: Task, value: unknown): void {
    if (this.#frames.full) return this.#whenDrained(task, () => this.#succeed(task, value))
    let ready: unknown
    try {
      ready = transferable(value, `the result of ${task.functionId}`)
      sendResult(this.#frames, task.id, ready, MAX_PIECE_BYTES)
    } catch (error) {
      if (isTooLargeForLane(error)) {
        void this.#succeedBesideLane(task, ready)
        return
      }
      this.#fail(task, error)
      return
    }
    this.#end(task, 'succeeded')
  }

  /** Cancelled while it is under way, it fails as cancelled: the caller gets its acknowledgement. */
  async #succeedBesideLane(task: Task, value: unknown): Promise<void> {
    this.#tasks.set(task.id, task)
    try {
      await this.#offer(task, [RESULT, task.id, value], 'the result')
    } catch (error) {
      this.#fail(task, error)
      return
    }
    this.#end(task, 'succeeded')
  }

  #fail(task: Task, error: unknown): void {
    if (this.#frames.full) return this.#whenDrained(task, () => this.#fail(task, error))
    this.#log.debug(`${task.functionId} failed: ${describeError(error)}`)
    const cancelled = isEcho(error, task.reason)
    const outcome = cancelled ? 'cancelled' : 'failed'
    if (cancelled && this.#stage.isSilent(task.reason)) return this.#end(task, outcome, task.reason)
    const raised = cancelled ? task.reason : error
    // The caller has the error that its own source raised: it needs no more than its place.
    const fidelity = SourceRaised.is(raised) ? 'brief' : 'full'
    try {
      sendFrame(this.#frames, this.#failure(task.id, raised, fidelity), MAX_PIECE_BYTES)
    } catch (cause) {
      void this.#failBesideLane(task, raised, outcome, cause)
      return
    }
    this.#end(task, outcome, raised)
  }

  #failure(id: number, raised: unknown, fidelity: Fidelity): unknown[] {
    const { self } = this.#stage
    const stacks = this.#acquaintance.seesStacks
    return SourceRaised.is(raised)
      ? [FAILURE, id, encodeFailure(raised.cause, self, stacks, fidelity), raised.index]
      : [FAILURE, id, encodeFailure(raised, self, stacks, fidelity)]
  }

  /** What is too large for that as well still arrives, without what made it so. */
  async #failBesideLane(task: Task, raised: unknown, outcome: CallOutcome, cause: unknown): Promise<void> {
    this.#tasks.set(task.id, task)
    try {
      if (task.cancelled || !isTooLargeForLane(cause)) throw cause
      await this.#offer(task, this.#failure(task.id, raised, 'full'), 'the error')
    } catch {
      this.#frames.sendControl(this.#failure(task.id, raised, 'brief'))
    }
    this.#end(task, outcome, raised)
  }

  async #offer(task: Task, frame: readonly unknown[], what: string): Promise<void> {
    await offerLargeOutcome(
      frame,
      `${what} of ${task.functionId}`,
      () => this.#frames.send([LARGE_OUTCOME, task.id]),
      async () => await this.#stage.arrivals.expect(this.#peer, task.id, PART_RESULT, task),
      task,
    )
  }

  /** Replies wait for a peer that reads slowly, instead of failing; each asks anew, because others wait as well. */
  #whenDrained(task: Task, reply: () => void): void {
    this.#tasks.set(task.id, task)
    const room = this.#frames.drained()
    if (room === undefined) reply()
    else void room.then(reply)
  }

  #end(task: Task, outcome: CallOutcome, raised?: unknown): void {
    if (task.span !== undefined) task.span.end(outcome, SourceRaised.is(raised) ? raised.cause : raised)
    task.close()
    this.#tasks.delete(task.id)
    this.#stage.ended(task, outcome)
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
