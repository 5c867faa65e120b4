import { committeeOf, electorateOfClaims, electorateOfVotes, holderOf, ownSeat, promised } from './electorate.ts'
import type { Candidacy } from './election-state.ts'
import { keepVote } from './keep.ts'
import { flush, tellClaim } from './outbox.ts'
import { beginReign } from './reign.ts'
import { firstStanding } from './standing.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { Turn } from './state.ts'
import type { Message } from './messages.ts'
import { majority } from './token.ts'

/** Asks the committee for its votes: first whether it would give them. */
export function ask(turn: Turn, committee: readonly string[]): void {
  const { state, now } = turn
  const candidacy = newCandidacy(turn, committee)
  disarm(turn, 'election')
  arm(turn, 'ballot', now + state.profile.ballot)
  const { inc } = ownRecord(state)
  sendToOthers(turn, committee, { type: 'prevote', term: candidacy.term, inc, ...electorateOfVotes(state) })
  count(turn, candidacy)
}

/** Stands without asking first, because the arbiter handed its office over (Raft's TimeoutNow). */
export function standAtOnce(turn: Turn, committee: readonly string[]): void {
  const candidacy = newCandidacy(turn, committee)
  disarm(turn, 'election')
  stand(turn, candidacy)
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

/** Asks for the votes of a term, once the own one is kept where it has to be. */
export function requestVotes(turn: Turn, candidacy: Candidacy): void {
  const { state, now } = turn
  const { election } = state
  const { peerId, inc } = ownRecord(state)
  const { term, committee } = candidacy
  if (isBound(turn)) {
    withdraw(turn, candidacy)
    retry(turn)
    return
  }
  candidacy.sentAt = now
  candidacy.granted.add(ownSeat(state))
  election.promise = { to: peerId, term, until: now + state.profile.lease }
  const { ballot, lease } = state.profile
  // others write their votes down before they give them
  arm(turn, 'ballot', now + (state.elector === undefined ? ballot : Math.max(ballot, lease / 2)))
  const claim = election.claim ?? null
  sendToOthers(turn, committee, { type: 'vote', term, inc, claim, ...electorateOfVotes(state) })
  count(turn, candidacy)
}

/** Gives a candidacy up; who voted is free to vote in a later term at once. */
export function withdraw(turn: Turn, { phase, term, granted }: Candidacy): void {
  const { state } = turn
  const { election } = state
  const { peerId } = ownRecord(state)
  election.candidacy = undefined
  disarm(turn, 'ballot')
  // an arbiter that stood again still rules by what its voters promised
  if (phase === 'asking' || election.reign !== undefined) return
  if (election.promise?.to === peerId) election.promise = undefined
  for (const seat of granted) sendTo(turn, seat, { type: 'release', term })
}

/** Tries again, later than those who have not tried yet. */
export function retry(turn: Turn): void {
  const { state, now, rng } = turn
  const rank = Math.max(0, committeeOf(state).indexOf(ownSeat(state)))
  disarm(turn, 'election')
  arm(turn, 'election', now + state.profile.rankDelay * (2 + rank + rng() * 4))
}

/** Sends a message to whoever holds a seat, unless that is this root itself. */
export function sendTo(turn: Turn, seat: string, message: Message): void {
  const to = holderOf(turn.state, seat)
  if (to !== undefined && to !== ownRecord(turn.state).peerId) send(turn, to, message)
}

/** Whether this root has promised another arbiter not to vote; one that rules itself may stand again. */
function isBound(turn: Turn): boolean {
  const { state } = turn
  return state.election.reign === undefined && promised(turn, ownRecord(state).peerId)
}

function newCandidacy({ state, now }: Turn, committee: readonly string[]): Candidacy {
  const candidacy: Candidacy = {
    phase: 'asking',
    term: state.election.term + 1,
    committee,
    granted: new Set([ownSeat(state)]),
    refused: new Set(),
    sentAt: now,
  }
  state.election.candidacy = candidacy
  return candidacy
}

function sendToOthers(turn: Turn, committee: readonly string[], message: Message): void {
  const own = ownSeat(turn.state)
  for (const seat of committee) if (seat !== own) sendTo(turn, seat, message)
}

function stand(turn: Turn, candidacy: Candidacy): void {
  const { state } = turn
  const { election, elector } = state
  const { peerId, inc } = ownRecord(state)
  const { term, granted, refused } = candidacy
  if (
    elector?.keeping !== undefined ||
    (election.voted !== undefined && term <= election.voted.term) ||
    isBound(turn)
  ) {
    // a vote for another is on its way to the disk, or was given since, or a late beat was acknowledged
    withdraw(turn, candidacy)
    retry(turn)
    return
  }
  state.counters.elections++
  emit(turn, { type: 'stands', term })
  candidacy.phase = 'standing'
  granted.clear()
  refused.clear()
  election.term = Math.max(election.term, term)
  election.voted = { term, candidate: peerId, inc }
  if (elector === undefined) requestVotes(turn, candidacy)
  else {
    disarm(turn, 'ballot')
    keepVote(turn, elector, term, { peerId, inc }, { do: 'stand', candidacy })
  }
}

function win(turn: Turn, { term, committee, granted, sentAt }: Candidacy): void {
  const { state } = turn
  const { election } = state
  const { peerId, inc } = ownRecord(state)
  const token = { term, inc, peerId }
  election.candidacy = undefined
  election.rival = undefined
  disarm(turn, 'ballot')
  election.claim = { token, held: true, ...electorateOfClaims(state), ...firstStanding(turn) }
  election.reign = beginReign(turn, token, committee, granted, sentAt)
  turn.review = true
  tellClaim(turn, 'mesh')
  flush(turn)
}
