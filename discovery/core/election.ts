import { adopt, arbiterOf } from './adopt.ts'
import { ask, count, retry, standAtOnce, withdraw } from './candidacy.ts'
import {
  boundUntil,
  committeeOf,
  electorateOfClaims,
  electorateOfVotes,
  holderOf,
  isMember,
  isOurs,
  ownSeat,
  promised,
  seatOf,
  takesPart,
} from './electorate.ts'
import type { Ballot, Beat, Beaten, Handover, Release } from './election-messages.ts'
import type { Elector } from './election-state.ts'
import { stepDown } from './office.ts'
import type { Quorum } from './quorum.ts'
import { beatNow, onAcknowledged, reviewReign, sameMembers } from './reign.ts'
import { callRoll, reviewRoll, tell } from './roll.ts'
import { reviewStanding, saysProvisional } from './standing.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { raiseTerm } from './terms.ts'
import { compareTokens } from './token.ts'

export { adopt, arbiterOf, reviewRival } from './adopt.ts'

/*
 * Raft's election (Ongaro 2014) without its log: terms, one vote a term, PreVote, and a lease. The electorate is the
 * committee of the oldest live roots as a candidate sees it when it begins, so that two parts of a cut mesh may each have
 * an arbiter (elastic), or the declared electors, of whom only one part can have a majority (quorum).
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
  if (state.elector !== undefined && state.quorum !== undefined && !reviewElector(turn, state.elector, state.quorum))
    return
  const committee = committeeOf(state)
  const member = isMember(state, committee)
  if (election.reign !== undefined) {
    if (!member) stepDown(turn)
    else {
      reviewReign(turn, election.reign, committee)
      reviewStanding(turn, false)
    }
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
  if (!takesPart(state)) return
  if (state.elector !== undefined && !state.elector.settled) {
    if (state.elector.keeping === undefined) callRoll(turn, state.elector)
    return
  }
  const committee = committeeOf(state)
  if (candidacy !== undefined || reign !== undefined || !isMember(state, committee)) return
  if (promised(turn, ownRecord(state).peerId)) schedule(turn)
  else ask(turn, committee)
}

/** The votes did not come in time. */
export function onBallotTimer(turn: Turn): void {
  const { candidacy } = turn.state.election
  if (candidacy === undefined) return
  withdraw(turn, candidacy)
  retry(turn)
}

/** Counts a vote. */
export function onBallot(turn: Turn, from: string, message: Ballot): void {
  const { state } = turn
  const { election } = state
  if (!isOurs(turn, from, message.electorate, electorateOfVotes(state).electorate)) return
  raiseTerm(turn, message.seen)
  adopt(turn, message.claim)
  const { candidacy, reign } = election
  if (message.type === 'voted' && message.granted && (candidacy ?? reign?.token)?.term !== message.term) {
    // a vote that came too late binds its voter for nothing
    send(turn, from, { type: 'release', term: message.term })
  }
  if (candidacy === undefined || candidacy.term !== message.term) return
  const seat = seatOf(state, candidacy.committee, from)
  if (seat === undefined) {
    state.counters.foreignVotes++
    return
  }
  if ((message.type === 'prevoted') !== (candidacy.phase === 'asking')) return
  if (message.granted) candidacy.granted.add(seat)
  else candidacy.refused.add(seat)
  count(turn, candidacy)
}

/** Acknowledges the arbiter's beat, which promises it this vote for a lease. */
export function onBeat(turn: Turn, from: string, { token, beat, ...side }: Beat): void {
  const { state, now } = turn
  const { election } = state
  if (token.peerId !== from || ownRecord(state).parent !== undefined) return
  adopt(turn, { token, held: true, ...claimed(side) }, from)
  const { claim } = election
  if (claim === undefined || compareTokens(claim.token, token) !== 0 || claim.electorate !== side.electorate) return
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
    adopt(turn, { token: claim.token, held: false, ...electorateOfClaims(turn.state) }, from)
  }
}

/** Follows an arbiter that leaves: stands at once, since nobody else will be asked to. */
export function onHandover(turn: Turn, from: string, { token, electorate }: Handover): void {
  const { state } = turn
  const { election } = state
  if (token.peerId !== from) return
  adopt(turn, { token, held: false, ...(electorate === undefined ? {} : { electorate }) }, from)
  const { claim, reign, candidacy } = election
  if (claim === undefined || claim.held || compareTokens(claim.token, token) !== 0 || reign !== undefined) return
  const committee = committeeOf(state)
  if (!takesPart(state) || !isMember(state, committee) || promised(turn, ownRecord(state).peerId)) return
  if (candidacy !== undefined) withdraw(turn, candidacy)
  standAtOnce(turn, committee)
}

/** Sends the next beat. */
export function onBeatTimer(turn: Turn): void {
  const { reign } = turn.state.election
  if (reign === undefined) return
  reviewStanding(turn, true)
  beatNow(turn, reign)
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

/** Whether this actor is the arbiter and may act as such at this moment. */
export function isArbiter({ election }: CoreState, now: number): boolean {
  return election.reign !== undefined && now < election.reign.leaseUntil
}

/** Emits the arbiter when it is another than before, or says something else of its side. */
export function reviewArbiter(turn: Turn): void {
  const { state } = turn
  const token = arbiterOf(state)
  const before = state.arbiter
  const provisional = token !== null && saysProvisional(state)
  const same = token === before || (token !== null && before !== null && compareTokens(token, before) === 0)
  if (same && provisional === state.provisional) return
  state.arbiter = token
  state.provisional = provisional
  const self = token !== null && token.peerId === ownRecord(state).peerId
  emit(turn, { type: 'arbiter', token, self, provisional })
}

/** Each older member gets a head start, so that mostly one stands at a time. */
function schedule(turn: Turn): void {
  const { state, now, rng } = turn
  const { election, profile } = state
  if (election.candidacy !== undefined) return
  const own = ownRecord(state).peerId
  const committee = committeeOf(state)
  const rank = committee.indexOf(ownSeat(state))
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

/** Whether a declared electorate counts, as far as this root knows. */
function reviewElector(turn: Turn, elector: Elector, quorum: Quorum): boolean {
  const { state } = turn
  const { name, peerId } = ownRecord(state)
  if (elector.roll?.includes(name) === true && holderOf(state, name) !== peerId) tell(turn, elector, 'doubled', [name])
  if (elector.settled) return true
  if (state.election.reign !== undefined) stepDown(turn)
  reviewRoll(turn, elector, quorum)
  return false
}

function claimed({ electorate, standing }: Omit<Beat, 'token' | 'beat'>): Pick<Beat, 'electorate' | 'standing'> {
  return {
    ...(electorate === undefined ? {} : { electorate }),
    ...(standing === undefined ? {} : { standing }),
  }
}
