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

  begin(): void {
    this.started += 1
  }

  /** @param us microseconds since its {@link begin} */
  end(outcome: CallOutcome, us: number): void {
    this[outcome] += 1
    this.latency.record(us)
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
  streamsOpen = 0
  itemsReceived = 0
  itemsSent = 0
  callsRefused = 0
  streamsRefused = 0
  protocolErrors = 0
  peersDropped = 0
  readonly #since = Date.now()
  readonly #begin = performance.now()
  readonly #functions = new Map<string, CountedFunction>()

  /** The counter of an exposed function. Only for functions that exist: names of a peer's making must not fill it. */
  served(id: string, kind: FunctionStats['kind']): CallCounter {
    return (this.#functions.get(id) ?? this.#count(id, kind)).calls
  }

  read(): ActorStats {
    const served = new CallCounter()
    served.add(this.unnamed)
    for (const { calls } of this.#functions.values()) served.add(calls)
    return {
      since: this.#since,
      uptimeMs: Math.round(performance.now() - this.#begin),
      served: served.read(),
      made: this.made.read(),
      functions: [...this.#functions.values()].map(readFunction),
      bytes: { received: this.bytesReceived, sent: this.bytesSent },
      streams: { open: this.streamsOpen, itemsReceived: this.itemsReceived, itemsSent: this.itemsSent },
      refused: {
        calls: this.callsRefused,
        streams: this.streamsRefused,
        protocolErrors: this.protocolErrors,
        peersDropped: this.peersDropped,
      },
    }
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

function readFunction({ id, kind, calls }: CountedFunction): FunctionStats {
  const { latency, ...counts } = calls.read()
  const { buckets: _, ...summary } = latency
  return { id, kind, ...counts, latency: summary }
}
