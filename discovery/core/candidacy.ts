import { committeeOf } from './electorate.ts'
import { flush, tellClaim } from './outbox.ts'
import { beginReign } from './reign.ts'
import { arm, disarm, ownRecord, send } from './state.ts'
import type { Candidacy, Turn } from './state.ts'
import { majority } from './token.ts'

/** Asks the committee for its votes: first whether it would give them. */
export function ask(turn: Turn, committee: readonly string[]): void {
  const { state, now } = turn
  const { election } = state
  const { peerId, inc } = ownRecord(state)
  const term = election.term + 1
  const candidacy: Candidacy = {
    phase: 'asking',
    term,
    committee,
    granted: new Set([peerId]),
    refused: new Set(),
    sentAt: now,
  }
  election.candidacy = candidacy
  disarm(turn, 'election')
  arm(turn, 'ballot', now + state.profile.ballot)
  for (const member of committee) if (member !== peerId) send(turn, member, { type: 'prevote', term, inc })
  count(turn, candidacy)
}

/** Goes on when a majority is reached, or cannot be reached any more. */
export function count(turn: Turn, candidacy: Candidacy): void {
  const { committee, granted, refused, phase } = candidacy
  const needed = majority(committee.length)
  if (granted.size >= needed) {
    if (phase === 'asking') stand(turn, candidacy)
    else win(turn, candidacy)
  } else if (committee.length - refused.size < needed) {
    withdraw(turn, candidacy)
    retry(turn)
  }
}

function stand(turn: Turn, candidacy: Candidacy): void {
  const { state, now } = turn
  const { election } = state
  const { peerId, inc } = ownRecord(state)
  const { term, committee, granted, refused } = candidacy
  state.counters.elections++
  candidacy.phase = 'standing'
  candidacy.sentAt = now
  granted.clear()
  granted.add(peerId)
  refused.clear()
  election.term = Math.max(election.term, term)
  election.voted = { term, candidate: peerId }
  election.promise = { to: peerId, term, until: now + state.profile.lease }
  for (const member of committee) if (member !== peerId) send(turn, member, { type: 'vote', term, inc })
  count(turn, candidacy)
}

function win(turn: Turn, { term, committee, granted, sentAt }: Candidacy): void {
  const { state } = turn
  const { election } = state
  const { peerId, inc } = ownRecord(state)
  const token = { term, inc, peerId }
  election.candidacy = undefined
  disarm(turn, 'ballot')
  election.claim = { token, held: true }
  election.reign = beginReign(turn, token, committee, granted, sentAt)
  turn.review = true
  tellClaim(turn, 'mesh')
  flush(turn)
}

/** Gives a candidacy up; who voted is free to vote in a later term at once. */
export function withdraw(turn: Turn, { phase, term, granted }: Candidacy): void {
  const { state } = turn
  const own = ownRecord(state).peerId
  state.election.candidacy = undefined
  disarm(turn, 'ballot')
  if (phase === 'asking') return
  if (state.election.promise?.to === own) state.election.promise = undefined
  for (const member of granted) if (member !== own) send(turn, member, { type: 'release', term })
}

/** Tries again, later than those who have not tried yet. */
export function retry(turn: Turn): void {
  const { state, now, rng } = turn
  const rank = Math.max(0, committeeOf(state).indexOf(ownRecord(state).peerId))
  disarm(turn, 'election')
  arm(turn, 'election', now + state.profile.rankDelay * (2 + rank + rng() * 4))
}
