import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { setTracing } from '../../../node/tracing.ts'
import { openTelemetryTracing } from '../../../telemetry/tracer.ts'
import { eventually } from '../../support/eventually.ts'

/** A tracing SDK that keeps its spans. */
export interface TracingSdk extends Disposable {
  /** The spans that have ended, once there are so many. */
  spans(count: number): Promise<readonly ReadableSpan[]>
  forget(): void
}

/** Registers an SDK with the OpenTelemetry API, and begins to trace. */
export function startTracingSdk(sampler?: Sampler): TracingSdk {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    ...(sampler === undefined ? {} : { sampler }),
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  setTracing(openTelemetryTracing())
  return {
    spans: async (count) => {
      await eventually(`${count} spans have ended`, () => exporter.getFinishedSpans().length >= count)
      return exporter.getFinishedSpans()
    },
    forget: () => exporter.reset(),
    [Symbol.dispose]: () => {
      setTracing(undefined)
      trace.disable()
      context.disable()
    },
  }
}

/** Spans as lines, each below the one that it is part of; those of one parent as they began. */
export function drawn(spans: readonly ReadableSpan[], label: (span: ReadableSpan) => string): string[] {
  const below = (parent: string | undefined): ReadableSpan[] =>
    spans
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
      .toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
  const draw = (span: ReadableSpan, depth: number): string[] => [
    `${'  '.repeat(depth)}${label(span)}`,
    ...below(span.spanContext().spanId).flatMap((child) => draw(child, depth + 1)),
  ]
  return below(undefined).flatMap((root) => draw(root, 0))
}
