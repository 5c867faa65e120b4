import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { Cancelled, DeadlineExceeded, describeError, GreenroomError, RemoteActorError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { SpanAttributes, SpanOutcome, SpanStart, TraceSpan, Tracing } from '../node/tracing.ts'

/** Characters of a message, or of a reason, in a span. */
export const MAX_SPAN_TEXT = 1_000
/** Characters of a stack in a span. */
export const MAX_SPAN_STACK = 8_192
/** Characters of a `tracestate` that travels; a longer one is left out, as W3C Trace Context allows. */
const MAX_TRACE_STATE = 512
/** Characters of a `traceparent`. */
const TRACE_PARENT = 55

const KINDS = { internal: SpanKind.INTERNAL, client: SpanKind.CLIENT, server: SpanKind.SERVER } as const

/** Spans of the SDK that is registered with the OpenTelemetry API of this process. */
export function openTelemetryTracing(): Tracing {
  return new OpenTelemetry(trace.getTracer('greenroom'))
}

class OpenTelemetry implements Tracing {
  readonly #tracer: Tracer
  readonly #log = areaLog('telemetry')

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  get trace(): string | undefined {
    return textOf(trace.getSpanContext(context.active()))
  }

  start(name: string, { kind, attributes, from, at }: SpanStart): TraceSpan {
    const parent = from === undefined ? context.active() : from === null ? ROOT_CONTEXT : contextOf(from)
    try {
      const options = { kind: KINDS[kind], attributes: attributes as Attributes }
      const span = this.#tracer.startSpan(name, at === undefined ? options : { ...options, startTime: at }, parent)
      return new OpenSpan(span, trace.setSpan(parent, span), kind)
    } catch (error) {
      // What is called must not fail because somebody's sampler does.
      this.#log.warn(`a span could not be started: ${describeError(error)}`)
      const span = trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 })
      return new OpenSpan(span, parent, kind)
    }
  }

  outside<T>(body: () => T): T {
    return context.with(ROOT_CONTEXT, body)
  }
}

class OpenSpan implements TraceSpan {
  readonly trace: string | undefined
  readonly #span: Span
  readonly #context: Context
  readonly #kind: SpanStart['kind']

  constructor(span: Span, itsContext: Context, kind: SpanStart['kind']) {
    this.#span = span
    this.#context = itsContext
    this.#kind = kind
    this.trace = textOf(span.spanContext())
  }

  run<T>(body: () => T): T {
    return context.with(this.#context, body)
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes as Attributes)
  }

  end(outcome: SpanOutcome, error?: unknown): void {
    const span = this.#span
    if (span.isRecording()) {
      span.setAttribute('greenroom.outcome', outcome)
      if (outcome !== 'succeeded') this.#tell(error)
    }
    span.end()
  }

  #tell(error: unknown): void {
    const span = this.#span
    if (error instanceof Cancelled) {
      span.setAttributes({ 'greenroom.cancelled.by': brief(error.by), 'greenroom.cancelled.why': brief(error.why) })
      // Somebody wanted that; a deadline is a failure of what took too long.
      if (!(error.cause instanceof DeadlineExceeded)) return
    }
    const message = brief(describeError(error))
    const type = typeOf(error)
    span.setStatus({ code: SpanStatusCode.ERROR, message })
    span.setAttribute('error.type', type)
    const stack = this.#stackOf(error)
    span.addEvent('exception', {
      'exception.type': type,
      'exception.message': message,
      ...(stack === undefined ? {} : { 'exception.stacktrace': stack }),
    })
  }

  /** Of what was raised here: what another actor raised has its stack in the span of that actor. */
  #stackOf(error: unknown): string | undefined {
    if (this.#kind === 'client' || error instanceof RemoteActorError) return undefined
    try {
      const stack = error instanceof Error ? error.stack : undefined
      return typeof stack === 'string' ? stack.slice(0, MAX_SPAN_STACK) : undefined
    } catch {
      return undefined
    }
  }
}

/** A code of greenroom's own errors, the class of others; of a remote one, that of what was raised there. */
function typeOf(error: unknown): string {
  try {
    if (error instanceof RemoteActorError) return typeOf(error.cause)
    if (error instanceof Cancelled && error.cause instanceof DeadlineExceeded) return error.cause.code
    if (error instanceof GreenroomError) return error.code
    return error instanceof Error ? brief(error.name) : typeof error
  } catch {
    return 'unknown'
  }
}

function brief(text: string): string {
  return text.length > MAX_SPAN_TEXT ? `${text.slice(0, MAX_SPAN_TEXT - 1)}…` : text
}

/** A span's context as it travels: sampled or not, so that the callee decides as the caller has. */
function textOf(span: SpanContext | undefined): string | undefined {
  if (span === undefined || !isSpanContextValid(span)) return undefined
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0')
  const state = span.traceState?.serialize() ?? ''
  const head = `00-${span.traceId}-${span.spanId}-${flags}`
  return state !== '' && state.length <= MAX_TRACE_STATE && /^[ -~]+$/.test(state) ? `${head} ${state}` : head
}

/** @param text as `isTrace` has found it right */
function contextOf(text: string): Context {
  const state = text.slice(TRACE_PARENT + 1)
  const [, traceId = '', spanId = '', flags = ''] = text.slice(0, TRACE_PARENT).split('-')
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(state === '' ? {} : { traceState: createTraceState(state) }),
  })
}
