import { ownRecord } from './state.ts'
import type { CoreState, Turn } from './state.ts'

/** Only roots that know the mesh and stay in it elect. */
export function takesPart(state: CoreState): boolean {
  const own = ownRecord(state)
  return own.parent === undefined && own.status === 'up' && state.joined && !state.leaving
}

/** The committee as the registry shows it: the peer ids of the oldest live roots, oldest first. */
export function committeeOf({ registry }: CoreState): string[] {
  return registry.elders().map(({ peerId }) => peerId)
}

/** Whether a vote for this candidate is forbidden, by a promise to another or by the presence of another arbiter. */
export function promised(turn: Turn, candidate: string): boolean {
  return turn.now < boundUntil(turn, candidate)
}

/** Until when a vote for this candidate is forbidden; -Infinity when it is not. */
export function boundUntil({ state }: Turn, candidate: string): number {
  const { promise, claim, quietUntil, reign } = state.election
  if (reign !== undefined) return Infinity
  const binds = (to: string): boolean => to !== candidate && !isOver(state, to)
  const byPromise = promise !== undefined && binds(promise.to) ? promise.until : -Infinity
  const byArbiter = claim?.held === true && binds(claim.token.peerId) ? quietUntil : -Infinity
  return Math.max(byPromise, byArbiter)
}

/** The lease of the dead need not run out. Hearsay alone is no proof while the own connection to them stands. */
function isOver({ registry, links }: CoreState, peerId: string): boolean {
  const end = registry.tombstone(peerId)
  return end !== undefined && (end.state === 'left' || !links.has(peerId))
}
