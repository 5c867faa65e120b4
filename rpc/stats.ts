import type { ActorStats, CallStats, FunctionStats } from '../node/actor-stats.ts'
import { LatencyHistogram } from './latency-histogram.ts'

/** Functions that are counted each by itself; calls of more are counted together, under the id `*`. */
export const MAX_COUNTED_FUNCTIONS = 512

export type CallOutcome = 'succeeded' | 'failed' | 'cancelled'

/** Calls of one kind, by how they ended. */
export class CallCounter {
  started = 0
  succeeded = 0
  failed = 0
  cancelled = 0
  readonly latency = new LatencyHistogram()
  /** Ended in the moment that is now, which is not over. */
  untimed = 0

  begin(): void {
    this.started += 1
  }

  end(outcome: CallOutcome): void {
    if (outcome === 'succeeded') this.succeeded += 1
    else if (outcome === 'failed') this.failed += 1
    else this.cancelled += 1
  }

  add(other: CallCounter): void {
    this.started += other.started
    this.succeeded += other.succeeded
    this.failed += other.failed
    this.cancelled += other.cancelled
    this.latency.add(other.latency)
  }

  read(): CallStats {
    const { started, succeeded, failed, cancelled } = this
    const inFlight = started - succeeded - failed - cancelled
    return { started, succeeded, failed, cancelled, inFlight, latency: this.latency.read() }
  }
}

/**
 * The time of everything that arrives, or starts, in one go, on the clock of `performance.now()`: reading the clock costs
 * as much as all of the counting, and is done once for all of it.
 */
export class Moment {
  readonly at = performance.now()
}

/** Which call a stream belongs to. */
export interface StreamOf {
  readonly functionId: string
  /** Peer id of the other side. */
  readonly peer: string
  readonly role: 'caller' | 'callee'
}

/** An open stream, in both directions. */
export interface CountedStream {
  readonly itemsReceived: number
  readonly itemsSent: number
  readonly of: StreamOf | undefined
  /** When it was opened, on the clock of `performance.now()`. */
  readonly since: number
  readonly credit: { readonly items: number; readonly bytes: number }
  readonly queued: number
}

interface CountedFunction {
  readonly id: string
  readonly kind: FunctionStats['kind']
  readonly calls: CallCounter
}

/**
 * The counters of one actor.
 *
 * A call is recorded once, with its function; totals are added up when somebody reads them.
 */
export class Stats {
  /** Calls made to others. */
  readonly made = new CallCounter()
  /** Calls that named no function that may be called here. */
  readonly unnamed = new CallCounter()
  bytesReceived = 0
  bytesSent = 0
  callsRefused = 0
  streamsRefused = 0
  tracesMalformed = 0
  protocolErrors = 0
  peersDropped = 0
  /** Milliseconds since the epoch. */
  readonly since = Date.now()
  readonly #begin = performance.now()
  readonly #functions = new Map<string, CountedFunction>()
  /** Those open now; what they count is added up when somebody reads, and kept when they close. */
  readonly #streams = new Set<CountedStream>()
  #itemsReceived = 0
  #itemsSent = 0
  #moment: Moment | undefined
  readonly #untimed: CallCounter[] = []
  readonly #endMoment = (): void => {
    this.#time()
    this.#moment = undefined
  }

  /** Lasts until the microtasks run. */
  now(): Moment {
    if (this.#moment !== undefined) return this.#moment
    queueMicrotask(this.#endMoment)
    return (this.#moment = new Moment())
  }

  /** A call made to another actor has ended: in the moment in which its answer arrived. */
  madeEnded(began: Moment, outcome: CallOutcome): void {
    this.made.end(outcome)
    this.made.latency.record((this.now().at - began.at) * 1_000)
  }

  /**
   * A call that was served has ended. Answers to calls that need no waiting leave together, at the end of the moment in
   * which the calls arrived: that is when they are timed, all at once.
   */
  servedEnded(calls: CallCounter, began: Moment, outcome: CallOutcome): void {
    calls.end(outcome)
    if (began !== this.#moment) {
      calls.latency.record((performance.now() - began.at) * 1_000)
      return
    }
    if (calls.untimed === 0) this.#untimed.push(calls)
    calls.untimed += 1
  }

  /** The counter of a function that has been called before. */
  known(id: string): CallCounter | undefined {
    return this.#functions.get(id)?.calls
  }

  streamOpened(stream: CountedStream): void {
    this.#streams.add(stream)
  }

  /** Those that are open, the oldest first. */
  openStreams(): CountedStream[] {
    return [...this.#streams]
  }

  streamClosed(stream: CountedStream): void {
    if (!this.#streams.delete(stream)) return
    this.#itemsReceived += stream.itemsReceived
    this.#itemsSent += stream.itemsSent
  }

  /** The counter of an exposed function. Only for functions that exist: names of a peer's making must not fill it. */
  served(id: string, kind: FunctionStats['kind']): CallCounter {
    return (this.#functions.get(id) ?? this.#count(id, kind)).calls
  }

  /** @param brief leaves out each function's own counts, and the distribution of the calls made */
  read(brief = false): ActorStats {
    this.#time()
    const served = new CallCounter()
    served.add(this.unnamed)
    for (const { calls } of this.#functions.values()) served.add(calls)
    return {
      since: this.since,
      uptimeMs: Math.round(performance.now() - this.#begin),
      served: served.read(),
      made: brief ? withoutBuckets(this.made.read()) : this.made.read(),
      functions: brief ? [] : [...this.#functions.values()].map(readFunction),
      bytes: { received: this.bytesReceived, sent: this.bytesSent },
      streams: this.#readStreams(),
      refused: {
        calls: this.callsRefused,
        streams: this.streamsRefused,
        traces: this.tracesMalformed,
        protocolErrors: this.protocolErrors,
        peersDropped: this.peersDropped,
      },
    }
  }

  #time(): void {
    if (this.#moment === undefined || this.#untimed.length === 0) return
    const us = (performance.now() - this.#moment.at) * 1_000
    for (const calls of this.#untimed) {
      calls.latency.record(us, calls.untimed)
      calls.untimed = 0
    }
    this.#untimed.length = 0
  }

  #readStreams(): ActorStats['streams'] {
    let [itemsReceived, itemsSent] = [this.#itemsReceived, this.#itemsSent]
    for (const stream of this.#streams) {
      itemsReceived += stream.itemsReceived
      itemsSent += stream.itemsSent
    }
    return { open: this.#streams.size, itemsReceived, itemsSent }
  }

  #count(id: string, kind: FunctionStats['kind']): CountedFunction {
    const full = this.#functions.size >= MAX_COUNTED_FUNCTIONS - 1
    const key = full ? '*' : id
    let counted = this.#functions.get(key)
    if (counted === undefined) {
      counted = { id: key, kind: full ? 'value' : kind, calls: new CallCounter() }
      this.#functions.set(key, counted)
    }
    return counted
  }
}

function withoutBuckets(calls: CallStats): CallStats {
  return { ...calls, latency: { ...calls.latency, buckets: [] } }
}

function readFunction({ id, kind, calls }: CountedFunction): FunctionStats {
  const { latency, ...counts } = calls.read()
  const { buckets: _, ...summary } = latency
  return { id, kind, ...counts, latency: summary }
}
