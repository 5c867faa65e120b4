/** Characters of a trace that travels: a `traceparent`, and a space and a `tracestate` of 512 characters when there is one. */
export const MAX_TRACE_CHARACTERS = 568

type SpanKind = 'internal' | 'client' | 'server'
export type SpanOutcome = 'succeeded' | 'failed' | 'cancelled'
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

/** What one piece of work is in a trace. */
export interface TraceSpan {
  /** What others need to go on with the trace, as it travels; nothing when the trace leads nowhere. */
  readonly trace: string | undefined
  /** Runs a function, and what it starts, inside of the span. */
  run<T>(body: () => T): T
  set(attributes: SpanAttributes): void
  /** Once. @param error what was thrown; a cancel that was asked for is none */
  end(outcome: SpanOutcome, error?: unknown): void
}

/** A span to begin. */
export interface SpanStart {
  readonly kind: SpanKind
  readonly attributes: SpanAttributes
  /** The trace that it goes on with, `null` to begin one; default that of the code which calls. */
  readonly from?: string | null | undefined
  /** When it began: milliseconds since 1970; default now. */
  readonly at?: number | undefined
}

/** Where spans go: into the tracing SDK of the program, when it has one. */
export interface Tracing {
  start(name: string, span: SpanStart): TraceSpan
  /** The trace of the code that calls. */
  readonly trace: string | undefined
  /** Runs a function, and what it starts, in no trace. */
  outside<T>(body: () => T): T
}

/**
 * Missing in a program without a tracing SDK, which is all that its calls look at.
 *
 * A variable, and no function to ask, because calls come by hundreds of thousands a second.
 */
export let tracing: Tracing | undefined

/** The same, for who is bundled apart from the calls and would not see it change. */
export function currentTracing(): Tracing | undefined {
  return tracing
}

/** Begins, or ends, to trace what this process does. */
export function setTracing(next: Tracing | undefined): void {
  tracing = next
}

const TRACE = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?: [ -~]{1,512})?$/

/**
 * Whether it is a trace as it travels: version 00 of `traceparent` of W3C Trace Context
 * (https://www.w3.org/TR/trace-context/), with the `tracestate` behind it when there is one.
 */
export function isTrace(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TRACE_CHARACTERS && TRACE.test(value)
}
