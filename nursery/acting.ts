import type { Actant } from '../node/actor-events.ts'
import { showActor } from '../node/errors.ts'
import type { Discovery } from '../discovery/discovery.ts'

/** Characters of the reason of an act, and of the name that an observer gives itself. */
export const MAX_REASON = 1_000
export const MAX_OBSERVER_NAME = 256
/** Milliseconds in which those who observe an actor hear of what is about to end it. */
export const LAST_WORDS_MS = 10

/**
 * Who acts: the peer id is the connection's own. The name is that of the peer's signed record; one that has no record, and so
 * is no actor of the mesh, says its name over the same connection.
 */
export function actantOf(discovery: Discovery | undefined, peer: string, as?: unknown): Actant {
  const record = discovery?.state.registry.get(peer)
  if (record !== undefined) return { name: record.name, id: peer, observer: false }
  return { name: typeof as === 'string' ? as.slice(0, MAX_OBSERVER_NAME) : '', id: peer, observer: true }
}

/** Who acts, in words, as the reason of a cancel names them. */
export function showActant(actant: Actant): string {
  return actant.name === '' ? showActor({ name: 'somebody', id: actant.id }) : showActor(actant)
}

export function readReason(why: unknown): string {
  return typeof why === 'string' && why !== '' ? why.slice(0, MAX_REASON) : 'no reason was given'
}
