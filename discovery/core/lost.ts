import type { Turn } from './state.ts'

/** Roots that dial dead ones at the normal pace; in a larger mesh each does so as much more rarely. */
const lostDialers = 32

/** So that the parts of a healed mesh find each other, and so do two that could not meet when they started. */
export function keepAddresses(
  { state, now }: Turn,
  { peerId, addrs }: { readonly peerId: string; readonly addrs: readonly string[] },
): void {
  if (addrs.length === 0) return
  state.lost.set(peerId, { addrs, until: now + state.profile.lostTtl, refusals: 0 })
  if (state.lost.size <= state.limits.lost) return
  for (const oldest of state.lost.keys()) {
    state.lost.delete(oldest)
    break
  }
}

/** Dials some of those that were declared dead; when to do so again. */
export function dialLost(turn: Turn): number {
  const { state, now, rng } = turn
  const { lost, limits, profile } = state
  if (lost.size === 0) {
    state.lostAt = Infinity
    return Infinity
  }
  // the rest of a large mesh dials as well, and one contact is enough
  const pause = profile.lostRetry * Math.max(1, state.liveness.rings.others / lostDialers)
  // half a mesh loses the other half at one moment: somebody has to be the first soon after that
  if (state.lostAt === Infinity) state.lostAt = now + pause * rng()
  if (now < state.lostAt) return state.lostAt
  state.lostAt = now + pause * (0.5 + rng())
  const from = Math.floor(rng() * lost.size)
  // not all healed halves should begin with the same few
  const chosen = [...lost.keys()]
  for (let index = 0; index < Math.min(limits.lostDials, chosen.length); index++) {
    const peerId = chosen[(from + index) % chosen.length] ?? ''
    const { addrs, until } = lost.get(peerId) ?? { addrs: [], until: 0 }
    if (now >= until) lost.delete(peerId)
    else if (!state.banned.has(peerId) && !state.links.has(peerId) && !state.dials.has(peerId))
      turn.effects.push({ type: 'dial', peerId, addrs, within: profile.dialTimeout })
  }
  return state.lostAt
}
