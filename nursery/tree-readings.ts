import { targetOf } from '../discovery/actor-info.ts'
import type { ActorRecord } from '../discovery/record.ts'
import { failAfter } from '../node/scopes.ts'
import { builtinId } from '../rpc/builtins.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import type { ActorVitals } from './actor-vitals.ts'
import { readVitalsOf } from './read-vitals.ts'

/** Actors below a root whose metrics are read with its own, the oldest first; the others are counted. */
export const MAX_SCRAPED_ACTORS = 256
/** Milliseconds that one actor has to tell how it is, and all of them together. */
export const SCRAPE_ACTOR_MS = 1_000
export const SCRAPE_MS = 5_000
/** Actors that are asked at a time. */
const ASKED_AT_ONCE = 16

/** How an actor and those below it are. */
export interface TreeReadings {
  readonly readings: readonly ActorVitals[]
  /** How many did not answer in time, or were too many. */
  readonly silent: number
}

/** Asks each actor of a root's tree how it is, within bounds. */
export async function readTreeOf(runtime: ActorRuntime): Promise<TreeReadings> {
  const { scope, self, discovery } = runtime
  const below: ActorRecord[] = []
  let tooMany = 0
  for (const record of discovery.state.registry.actors()) {
    if (record.root !== self.id || record.peerId === self.id) continue
    if (below.length < MAX_SCRAPED_ACTORS) below.push(record)
    else tooMany += 1
  }
  const readings = [await readVitalsOf(runtime, 0)]
  let silent = tooMany
  const until = performance.now() + SCRAPE_MS
  const ask = async (record: ActorRecord): Promise<void> => {
    const ms = Math.min(SCRAPE_ACTOR_MS, until - performance.now())
    try {
      if (ms <= 0) throw new Error('no time is left')
      const portal = runtime.rpc.portal(targetOf(record))
      readings.push((await failAfter(ms, async () => await portal.call(builtinId('vitals'), 0))) as ActorVitals)
    } catch {
      silent += 1
    }
  }
  const waiting = below.values()
  const askSome = async (): Promise<void> => {
    for (const record of waiting) await ask(record)
  }
  await scope.run(async () => await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askSome)))
  return { readings, silent }
}
