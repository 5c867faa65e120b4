import type { ActorRecord } from '../record.ts'
import { ownRecord } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { declareDead } from './verdict.ts'

/**
 * Whoever is banned, and what is below it, leaves the registry at once. While the ban lasts no record brings it back,
 * whoever passes it on; afterwards it refutes its end as anybody does who was wrongly accused.
 */
export function onBanned(turn: Turn, peerIds: readonly string[]): void {
  const { state } = turn
  const self = ownRecord(state).peerId
  state.banned = new Set(peerIds.filter((peerId) => peerId !== self))
  for (const peerId of state.banned) {
    state.dials.delete(peerId)
    state.hints.delete(peerId)
    const known = state.registry.kept(peerId)
    if (known !== undefined) declareDead(turn, known.record)
  }
  turn.review = true
}

/** Whether nothing is to be heard of an actor, because it or its root is banned. */
export function isBanned({ banned }: CoreState, { peerId, root }: ActorRecord): boolean {
  return banned.size > 0 && (banned.has(peerId) || banned.has(root))
}
