import type { ActorRuntime } from './actor-runtime.ts'
import { readVitalsOf } from './read-vitals.ts'
import { hasMeters } from './telemetry.ts'

/** Lets the metrics SDK that the program has registered, if there is one, read how an actor is. */
export async function measureActor(runtime: ActorRuntime): Promise<void> {
  if (!hasMeters()) return
  const { observeActor } = await import('../telemetry/instruments.ts')
  runtime.atEnd(observeActor(async () => await readVitalsOf(runtime, 0)))
}
