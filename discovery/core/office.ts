import { sendTo } from './candidacy.ts'
import { committeeOf, electorateOfClaims, holderOf, ownSeat } from './electorate.ts'
import type { Reign } from './election-state.ts'
import { flush, tellClaim } from './outbox.ts'
import { disarm, ownRecord } from './state.ts'
import type { Turn } from './state.ts'

/** Gives the office up by own will or for want of a majority. */
export function stepDown(turn: Turn): void {
  const { state } = turn
  const { election } = state
  const { reign } = election
  if (reign === undefined) return
  if (state.leaving) election.successor = successorOf(turn, reign)
  endReign(turn)
  election.claim = { token: reign.token, held: false, ...electorateOfClaims(state) }
  release(turn, [...new Set([...reign.committee, ...committeeOf(state)])], reign.token.term)
  tellClaim(turn, 'mesh')
  flush(turn)
}

/** Sets everybody free who promised this actor anything in a term. */
export function release(turn: Turn, seats: readonly string[], term: number): void {
  for (const seat of seats) sendTo(turn, seat, { type: 'release', term })
}

/** Ends the own office; who is told is up to the caller. */
export function endReign(turn: Turn): void {
  const { election } = turn.state
  election.reign = undefined
  if (election.promise?.to === ownRecord(turn.state).peerId) election.promise = undefined
  turn.review = true
  disarm(turn, 'beat')
  disarm(turn, 'lease')
}

/** Who acknowledged the latest beat is the most likely to be there, and up to date. */
function successorOf(
  { state }: Turn,
  { committee, acked, token }: Reign,
): { peerId: string; token: typeof token } | undefined {
  let best: { peerId: string; at: number } | undefined
  for (const seat of committee) {
    const peerId = holderOf(state, seat)
    const at = acked.get(seat)
    if (seat === ownSeat(state) || peerId === undefined || at === undefined || !state.links.has(peerId)) continue
    if (best === undefined || at > best.at) best = { peerId, at }
  }
  return best === undefined ? undefined : { peerId: best.peerId, token }
}
