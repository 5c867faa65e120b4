import type { CancelScope } from '../node/cancel-scope.ts'
import type { Tracing, TraceSpan } from '../node/tracing.ts'
import { PendingCall } from './pending-call.ts'
import type { CallKind, StreamArgument } from './protocol.ts'
import type { CallOutcome } from './stats.ts'
import type { ValueGraph } from './value-graph.ts'

/** A call in a program that is traced: it carries its trace, and ends its span. One that is in none is a plain one. */
export class TracedCall extends PendingCall {
  readonly #span: TraceSpan

  constructor(span: TraceSpan, functionId: string, args: readonly unknown[] | ValueGraph, scope: CancelScope) {
    super(functionId, args, 'value', scope)
    this.#span = span
  }

  override get trace(): string | undefined {
    return this.#span.trace
  }

  protected override told(outcome: CallOutcome, error?: unknown): void {
    this.#span.end(outcome, error)
  }
}

/** One request of a call whose span somebody else ends: it carries the trace of the code that makes it. */
export class RequestInTrace extends PendingCall {
  readonly #trace: string | undefined

  constructor(
    tracing: Tracing,
    functionId: string,
    args: readonly unknown[] | ValueGraph,
    kind: CallKind,
    scope: CancelScope,
    streams: readonly StreamArgument[] | undefined,
  ) {
    super(functionId, args, kind, scope, streams)
    this.#trace = tracing.trace
  }

  override get trace(): string | undefined {
    return this.#trace
  }
}
