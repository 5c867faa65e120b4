import type { Discovery } from '../discovery/discovery.ts'
import type { Target } from '../rpc/caller.ts'
import { setTracing, type TraceSpan, tracing } from '../node/tracing.ts'
import { outcomeOf } from '../rpc/call-span.ts'
import type { ActorSpec } from './nursery-options.ts'

/** Where all copies of the OpenTelemetry API of major version 1 keep what was registered with them. */
const API = Symbol.for('opentelemetry.js.api.1')

/** What a program has registered with the OpenTelemetry API, seen without loading it. */
function registered(): { readonly trace?: unknown; readonly metrics?: unknown } {
  return (globalThis as { [API]?: { trace?: unknown; metrics?: unknown } })[API] ?? {}
}

let traceElections: ((discovery: Discovery) => () => void) | undefined

/** Whether the program has registered a metrics SDK. */
export function hasMeters(): boolean {
  return registered().metrics !== undefined
}

/** Traces from now on what this process does, when it has a tracing SDK. */
export async function findTracing(): Promise<void> {
  if (registered().trace === undefined) return setTracing(undefined)
  const loaded = await Promise.all([import('../telemetry/tracer.ts'), import('../telemetry/elections.ts')])
  const [{ openTelemetryTracing }, elections] = loaded
  setTracing(openTelemetryTracing())
  traceElections = elections.traceElections
}

/** Traces the elections of an actor in a program that is traced; gives the function that ends it. */
export function watchElections(discovery: Discovery): () => void {
  return tracing === undefined || traceElections === undefined ? () => {} : traceElections(discovery)
}

/** The span of the start of an actor below this one, until it is up; nothing in a program that is not traced. */
export function spawnSpan(spec: ActorSpec, self: Target, restarts: number): TraceSpan | undefined {
  return tracing?.start('spawn', {
    kind: 'internal',
    attributes: {
      'greenroom.actor.name': self.name,
      'greenroom.actor.id': self.id,
      'greenroom.child.name': spec.name,
      'greenroom.child.start_method': spec.startMethod,
      'greenroom.child.restarts': restarts,
    },
  })
}

/** Ends it when the child is up, or will not be. */
export async function endWithBoot(span: TraceSpan, ready: Promise<Target>): Promise<void> {
  try {
    const { id } = await ready
    span.set({ 'greenroom.child.id': id })
    span.end('succeeded')
  } catch (error) {
    span.end(outcomeOf(error), error)
  }
}

interface Joining {
  readonly name: string
  readonly identity: { readonly peerId: string }
  readonly mesh: string
  readonly root?: string | undefined
  readonly depth: number
}

/**
 * The span of how this process became an actor; the SDK may have come with one of its modules.
 *
 * @param at when it began: milliseconds since 1970
 * @param from the trace that it was started in
 */
export function recordJoin(
  { name, identity, mesh, root, depth }: Joining,
  at: number,
  from: string | undefined,
  error?: unknown,
): void {
  const span = tracing?.start('join', {
    kind: 'internal',
    attributes: {
      'greenroom.actor.name': name,
      'greenroom.actor.id': identity.peerId,
      'greenroom.mesh': mesh,
      'greenroom.root.id': root ?? identity.peerId,
      'greenroom.depth': depth,
    },
    from: from ?? null,
    at,
  })
  span?.end(error === undefined ? 'succeeded' : outcomeOf(error), error)
}
