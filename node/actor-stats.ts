/**
 * Counters of one actor since its start, as `currentActor().stats()` and `portal.stats()` give them: plain data that
 * travels, can be kept as JSON and is read whole at one moment.
 *
 * @example
 * ```ts
 * const { served, functions } = await portal.stats()
 * console.log(`${served.inFlight} calls under way, half of them done within ${served.latency.p50Us} µs`)
 * for (const { id, failed } of functions) if (failed > 0) console.log(`${id} failed ${failed} times`)
 * ```
 */
export interface ActorStats {
  /** When counting began, at the actor's start: milliseconds since 1970. */
  readonly since: number
  /** Milliseconds from then until these numbers were read. */
  readonly uptimeMs: number
  /** Calls of others, streams and contexts included, that came here. */
  readonly served: CallStats
  /** Calls made from here, to this actor itself too. */
  readonly made: CallStats
  /** The functions that were called here, each from its first call on; at most 512, then `*` stands for all others. */
  readonly functions: readonly FunctionStats[]
  /** Bytes of lanes and of streams of calls, above the encryption. */
  readonly bytes: { readonly received: number; readonly sent: number }
  readonly streams: {
    /** Streams of calls that are open now, those of callers and callees. */
    readonly open: number
    readonly itemsReceived: number
    readonly itemsSent: number
  }
  readonly refused: {
    /** Calls that were answered without being run: not exposed, called in the wrong way, or above a limit. */
    readonly calls: number
    /** Streams above a limit. */
    readonly streams: number
    /** Traces that calls brought and that cannot be; the calls ran all the same. */
    readonly traces: number
    /** Times that a peer broke the protocol. */
    readonly protocolErrors: number
    /** Times that a peer was cut off because it went on doing so. */
    readonly peersDropped: number
  }
}

/** `started` is the sum of the other counts. */
export interface CallStats {
  readonly started: number
  readonly succeeded: number
  /** Ended with an error, the death of the other actor included. */
  readonly failed: number
  /** Ended by a cancel or a deadline. */
  readonly cancelled: number
  readonly inFlight: number
  readonly latency: Latency
}

/** One exposed function that was called here. */
export interface FunctionStats extends Omit<CallStats, 'latency'> {
  /** `namespace#name`. */
  readonly id: string
  readonly kind: 'value' | 'stream'
  readonly latency: Omit<Latency, 'buckets'>
}

/**
 * How long calls took, in microseconds: here from the request's arrival to its answer, streams to their end; for calls
 * made, from the call to its outcome. Values are at most 1/64 off, those below 32 µs at most 1 µs; above 71 minutes
 * they count as 71 minutes.
 */
export interface Latency {
  readonly count: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p99Us: number
  readonly maxUs: number
  /** `[from, count]` of every bucket that is not empty, ascending, `from` in µs: what is added up over several actors. */
  readonly buckets: readonly (readonly [fromUs: number, count: number])[]
}
