import { ask, count, retry, withdraw } from './candidacy.ts'
import { boundUntil, committeeOf, promised, takesPart } from './electorate.ts'
import type { Ballot, Beat, Beaten, Release } from './messages.ts'
import { flush, tellClaim } from './outbox.ts'
import { beatNow, onAcknowledged, reviewReign, sameMembers } from './reign.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { compareClaims, compareTokens } from './token.ts'
import type { Claim, Token } from './token.ts'

/*
 * Raft's election (Ongaro 2014) without its log: terms, one vote a term, PreVote, and a lease. The electorate is the
 * committee of the oldest live roots as a candidate sees it when it begins. Two parts of a cut mesh may each have an
 * arbiter (elastic); tokens are ordered, the higher one stays when the parts meet.
 */

/** Looks at the election again, after roots, links or the own standing have changed. */
export function reviewElection(turn: Turn): void {
  const { state } = turn
  const { election } = state
  if (!takesPart(state)) {
    if (election.candidacy !== undefined) withdraw(turn, election.candidacy)
    if (election.reign !== undefined) stepDown(turn)
    disarm(turn, 'election')
    return
  }
  const committee = committeeOf(state)
  const member = committee.includes(ownRecord(state).peerId)
  if (election.reign !== undefined) {
    if (!member) stepDown(turn)
    else reviewReign(turn, election.reign, committee)
    return
  }
  if (election.candidacy !== undefined && !sameMembers(election.candidacy.committee, committee)) {
    withdraw(turn, election.candidacy)
  }
  if (!member) disarm(turn, 'election')
  else schedule(turn)
}

/** The turn of this actor in the order of candidates has come, unless a promise still binds it. */
export function onElectionTimer(turn: Turn): void {
  const { state } = turn
  const { candidacy, reign } = state.election
  const own = ownRecord(state).peerId
  const committee = committeeOf(state)
  if (candidacy !== undefined || reign !== undefined || !takesPart(state) || !committee.includes(own)) return
  if (promised(turn, own)) schedule(turn)
  else ask(turn, committee)
}

/** The votes did not come in time. */
export function onBallotTimer(turn: Turn): void {
  const { candidacy } = turn.state.election
  if (candidacy === undefined) return
  withdraw(turn, candidacy)
  retry(turn)
}

/**
 * Takes in a claim: a higher one is accepted, whoever rules below it steps down, and a lower one never is.
 *
 * `from` is the neighbour on whose stream it came; an arbiter that does not know better yet is told.
 */
export function adopt(turn: Turn, claim: Claim | null, from?: string): void {
  if (claim === null) return
  const { state, now } = turn
  const { election } = state
  const { token } = claim
  const previous = election.claim
  const order = previous === undefined ? 1 : compareClaims(claim, previous)
  if (order <= 0) {
    if (order < 0 && claim.held && from === token.peerId && previous !== undefined) {
      send(turn, from, { type: 'facts', facts: [], claim: previous })
    }
    return
  }
  const own = ownRecord(state)
  // an office of an earlier life of this peer id, of which nothing is left
  const mine = token.peerId === own.peerId
  const accepted = { token, held: claim.held && !mine }
  election.claim = accepted
  election.term = Math.max(election.term, token.term)
  turn.review = true
  tellClaim(turn, 'children')
  if (mine && claim.held) tellClaim(turn, 'mesh')
  const { reign, candidacy } = election
  if (reign !== undefined) {
    endReign(turn)
    // who acknowledged is free to follow the other one at once
    release(turn, reign.committee, reign.token.term)
  }
  if (candidacy !== undefined && (candidacy.phase === 'asking' || candidacy.term <= token.term)) {
    withdraw(turn, candidacy)
  }
  if (accepted.held) {
    election.quietUntil = now + state.profile.lease
    // what was promised to another stands: that one may rule until then
    if (!promised(turn, token.peerId)) {
      election.promise = { to: token.peerId, term: token.term, until: now + state.profile.lease }
    }
  } else if (election.promise?.to === token.peerId) election.promise = undefined
}

/** Counts a vote. */
export function onBallot(turn: Turn, from: string, message: Ballot): void {
  const { state } = turn
  const { election } = state
  election.term = Math.max(election.term, message.seen)
  adopt(turn, message.claim)
  const { candidacy, reign } = election
  if (message.type === 'voted' && message.granted && (candidacy ?? reign?.token)?.term !== message.term) {
    // a vote that came too late binds its voter for nothing
    send(turn, from, { type: 'release', term: message.term })
  }
  if (candidacy === undefined || candidacy.term !== message.term || !candidacy.committee.includes(from)) return
  if ((message.type === 'prevoted') !== (candidacy.phase === 'asking')) return
  if (message.granted) candidacy.granted.add(from)
  else candidacy.refused.add(from)
  count(turn, candidacy)
}

/** Acknowledges the arbiter's beat, which promises it this vote for a lease. */
export function onBeat(turn: Turn, from: string, { token, beat }: Beat): void {
  const { state, now } = turn
  const { election } = state
  if (token.peerId !== from || ownRecord(state).parent !== undefined) return
  adopt(turn, { token, held: true }, from)
  const { claim } = election
  if (claim === undefined || compareTokens(claim.token, token) !== 0) return
  if (!claim.held) {
    // heard of its end before: whoever still beats must hear of it too
    send(turn, from, { type: 'facts', facts: [], claim })
    return
  }
  election.quietUntil = now + state.profile.lease
  if (promised(turn, from)) return
  election.promise = { to: from, term: token.term, until: now + state.profile.lease }
  send(turn, from, { type: 'beaten', token, beat })
}

/** Counts the acknowledgement of a beat. */
export function onBeaten(turn: Turn, from: string, { token, beat }: Beaten): void {
  const { reign } = turn.state.election
  if (reign === undefined || compareTokens(reign.token, token) !== 0) return
  onAcknowledged(turn, reign, from, beat)
}

/** A candidate or an arbiter gives back what was promised to it. */
export function onRelease(turn: Turn, from: string, { term }: Release): void {
  const { election } = turn.state
  // one that was overtaken on its way must not undo a later promise
  if (election.promise?.to === from && election.promise.term <= term) {
    election.promise = undefined
    turn.review = true
  }
  const { claim } = election
  if (claim?.held === true && claim.token.peerId === from && claim.token.term === term) {
    adopt(turn, { token: claim.token, held: false }, from)
  }
}

/** Sends the next beat. */
export function onBeatTimer(turn: Turn): void {
  const { reign } = turn.state.election
  if (reign !== undefined) beatNow(turn, reign)
}

/** Steps down when the lease has run out: before anything else is done, so that a pause cannot be overlooked. */
export function checkLease(turn: Turn): void {
  const { reign } = turn.state.election
  if (reign !== undefined && turn.now >= reign.leaseUntil) stepDown(turn)
}

/** The lease is looked at before every input; the timer only sees to it that there is one. */
export function onLeaseTimer(turn: Turn): void {
  const { reign } = turn.state.election
  if (reign !== undefined) arm(turn, 'lease', reign.leaseUntil)
}

/** Gives the office up by own will or for want of a majority. */
function stepDown(turn: Turn): void {
  const { state } = turn
  const { election } = state
  const { reign } = election
  if (reign === undefined) return
  endReign(turn)
  election.claim = { token: reign.token, held: false }
  release(turn, committeeOf(state), reign.token.term)
  tellClaim(turn, 'mesh')
  flush(turn)
}

/** The arbiter that this actor knows of, if it holds office and lives. */
export function arbiterOf({ election, registry }: CoreState): Token | null {
  const { claim } = election
  if (claim?.held !== true) return null
  return registry.get(claim.token.peerId)?.inc === claim.token.inc ? claim.token : null
}

/** Whether this actor is the arbiter and may act as such at this moment. */
export function isArbiter({ election }: CoreState, now: number): boolean {
  return election.reign !== undefined && now < election.reign.leaseUntil
}

/** Emits the arbiter when it is another than before. */
export function reviewArbiter(turn: Turn): void {
  const { state } = turn
  const token = arbiterOf(state)
  const before = state.arbiter
  if (token === before || (token !== null && before !== null && compareTokens(token, before) === 0)) return
  state.arbiter = token
  emit(turn, { type: 'arbiter', token, self: token !== null && token.peerId === ownRecord(state).peerId })
}

/** Each older member gets a head start, so that mostly one stands at a time. */
function schedule(turn: Turn): void {
  const { state, now, rng } = turn
  const { election, profile } = state
  if (election.candidacy !== undefined) return
  const own = ownRecord(state).peerId
  const committee = committeeOf(state)
  const rank = committee.indexOf(own)
  const bound = boundUntil(turn, own)
  const due = state.timers.get('election')
  if (now >= bound && committee.length === 1) {
    ask(turn, committee)
    return
  }
  const at = Math.max(now, bound) + profile.rankDelay * (rank + rng())
  // one that is set earlier is left: when it fires too early it is set again, and a busy mesh cannot put it off for
  // ever
  if (due === undefined || due > at) arm(turn, 'election', at)
}

function release(turn: Turn, members: readonly string[], term: number): void {
  for (const member of members) send(turn, member, { type: 'release', term })
}

function endReign(turn: Turn): void {
  const { election } = turn.state
  election.reign = undefined
  if (election.promise?.to === ownRecord(turn.state).peerId) election.promise = undefined
  turn.review = true
  disarm(turn, 'beat')
  disarm(turn, 'lease')
}
