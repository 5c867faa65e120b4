import { type ActorRef, Cancelled } from '../node/errors.ts'
import type { SpanOutcome, TraceSpan, Tracing } from '../node/tracing.ts'
import type { CallKind } from './protocol.ts'

/** The span of a call that an actor makes. */
export function callSpan(
  tracing: Tracing,
  functionId: string,
  kind: CallKind,
  self: ActorRef,
  callee: ActorRef,
): TraceSpan {
  return tracing.start(functionId, {
    kind: 'client',
    attributes: {
      ...callAttributes(functionId, kind, self),
      'greenroom.peer.name': callee.name,
      'greenroom.peer.id': callee.id,
    },
  })
}

/** The span of a call that an actor serves. @param from the caller's trace, if it has one */
export function servedSpan(
  tracing: Tracing,
  functionId: string,
  kind: CallKind,
  self: ActorRef,
  caller: string,
  from: string | undefined,
): TraceSpan {
  return tracing.start(functionId, {
    kind: 'server',
    attributes: { ...callAttributes(functionId, kind, self), 'greenroom.peer.id': caller },
    from: from ?? null,
  })
}

/** Tells what has gone over the stream of a call. */
export function setStreamed(span: TraceSpan, stream: Streamed): void {
  span.set({
    'greenroom.stream.items.received': stream.itemsReceived,
    'greenroom.stream.items.sent': stream.itemsSent,
    'greenroom.stream.bytes.received': stream.bytesReceived,
    'greenroom.stream.bytes.sent': stream.bytesSent,
  })
}

interface Streamed {
  readonly itemsReceived: number
  readonly itemsSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** Does something inside of a span, which ends with it. */
export async function traced<T>(span: TraceSpan, work: () => Promise<T>): Promise<T> {
  try {
    const value = await span.run(work)
    span.end('succeeded')
    return value
  } catch (error) {
    span.end(outcomeOf(error), error)
    throw error
  }
}

/**
 * Ends a span with the call that it is of, and tells what has gone over its stream.
 *
 * @param gone resolves when nothing more comes over the stream
 * @param explain finds the error that the caller is told
 */
export async function endWithCall(
  span: TraceSpan,
  opened: Promise<{ readonly call: { readonly outcome: Promise<unknown> }; readonly channel: Streamed }>,
  gone: Promise<void>,
  explain: (error: unknown) => unknown,
): Promise<void> {
  let channel: Streamed | undefined
  let error: unknown
  try {
    const { call, channel: own } = await opened
    channel = own
    await call.outcome
  } catch (thrown) {
    error = explain(thrown)
  }
  if (channel !== undefined) {
    await gone
    setStreamed(span, channel)
  }
  if (error === undefined) span.end('succeeded')
  else span.end(outcomeOf(error), error)
}

/** How work that threw has ended. */
export function outcomeOf(error: unknown): SpanOutcome {
  return error instanceof Cancelled ? 'cancelled' : 'failed'
}

function callAttributes(functionId: string, kind: CallKind, self: ActorRef): Record<string, string> {
  return {
    'rpc.system.name': 'greenroom',
    'rpc.method': functionId,
    'greenroom.call.kind': kind,
    'greenroom.actor.name': self.name,
    'greenroom.actor.id': self.id,
  }
}
