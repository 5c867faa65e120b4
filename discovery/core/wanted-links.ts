import { claimLinks } from './claim-links.ts'
import { electorsToLink } from './electorate.ts'
import { dropLink, ownRecord } from './state.ts'
import type { Turn } from './state.ts'

/** The roots that this one needs a link to. */
export function wantedLinks(turn: Turn): Set<string> {
  const { state } = turn
  const own = ownRecord(state)
  const { rings, relays } = state.liveness
  const wanted = new Set(rings.neighbours(() => state.registry.roots()))
  for (const peerId of electorsToLink(state)) wanted.add(peerId)
  for (const peerId of claimLinks(turn)) wanted.add(peerId)
  wanted.delete(own.peerId)
  for (const { target, sent } of relays.values()) if (!sent) wanted.add(target)
  return wanted
}

/** Gives up links that nobody has needed for a while; when to look again. */
export function trimLinks(turn: Turn): number {
  const { state, now } = turn
  const own = ownRecord(state)
  if (own.parent !== undefined || !state.joined || state.links.size === 0) return Infinity
  if (now < state.trimAt) return state.trimAt
  const pause = state.profile.linger / 2
  state.trimAt = now + pause
  const wanted = wantedLinks(turn)
  for (const [peerId, link] of state.links) {
    if (wanted.has(peerId) || state.registry.kept(peerId)?.record.parent !== undefined) link.idleSince = undefined
    else if (link.idleSince === undefined) link.idleSince = now
    else if (now - link.idleSince >= pause) dropLink(turn, peerId)
  }
  return state.trimAt
}
