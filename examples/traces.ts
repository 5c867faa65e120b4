// One call through three actors as one trace: each actor records its own spans, and the program puts them together.
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { expose, type Nursery, openNursery, type Portal, run, waitForActor } from '../index.ts'

// At the top of a module that every actor is given, so each one has an SDK. A service exports its spans instead.
const exporter = new InMemorySpanExporter()
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))

export async function buy(seat: string): Promise<string> {
  await using bank = await waitForActor('bank')
  return `seat ${seat}: ${await bank.run(pay, 40)}`
}

export async function pay(euros: number): Promise<string> {
  await using vault = await waitForActor('vault')
  return `${euros} paid, ${await vault.run(store, euros)} in the vault`
}

export function store(euros: number): number {
  return 1_000 + euros
}

interface Recorded {
  readonly id: string
  readonly parent: string | undefined
  readonly at: number
  readonly line: string
}

function describe({ name, attributes }: ReadableSpan): string {
  const {
    'greenroom.actor.name': actor,
    'greenroom.child.name': child,
    'greenroom.peer.name': peer = child,
  } = attributes as Record<string, string | undefined>
  return actor === undefined ? name : `${actor}${peer === undefined ? '' : ` -> ${peer}`}: ${name}`
}

/** The spans of one trace that ended in this actor. */
export function recorded(traceId: string): Recorded[] {
  return exporter
    .getFinishedSpans()
    .filter((span) => span.spanContext().traceId === traceId)
    .map((span) => ({
      id: span.spanContext().spanId,
      parent: span.parentSpanContext?.spanId,
      at: span.startTime[0] * 1_000 + span.startTime[1] / 1e6,
      line: describe(span),
    }))
}
const theatre = expose(import.meta, { buy, pay, store, recorded }, 'theatre')

function print(spans: readonly Recorded[], parent?: string, indent = ''): void {
  for (const { id, line } of spans.filter((span) => span.parent === parent).toSorted((a, b) => a.at - b.at)) {
    console.log(`${indent}${line}`)
    print(spans, id, `${indent}  `)
  }
}

/** One turn: the actors are started and called within one span, so all of it is one trace. */
async function evening(nursery: Nursery): Promise<Portal<never>[]> {
  const actors: Portal<never>[] = []
  for (const name of ['box office', 'bank', 'vault'])
    actors.push(await nursery.startActor(name, { modules: [theatre] }))
  console.log(await actors[0]!.run(buy, 'F12'))
  return actors
}

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const span = trace.getTracer('theatre').startSpan('an evening out')
      const actors = await context.with(trace.setSpan(context.active(), span), async () => await evening(nursery))
      span.end()
      const { traceId } = span.spanContext()
      const elsewhere = await Promise.all(actors.map(async (actor) => await actor.run(recorded, traceId)))
      print([...recorded(traceId), ...elsewhere.flat()])
      nursery.cancel()
    }),
  )
}
