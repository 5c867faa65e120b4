import { withdraw } from './candidacy.ts'
import { adopt } from './adopt.ts'
import { electorateOfVotes, isOurs, mayStand, promised, takesPart } from './electorate.ts'
import type { Ballot, PreVote, Vote } from './election-messages.ts'
import { keepVote } from './keep.ts'
import { send } from './state.ts'
import type { Turn } from './state.ts'
import { believable } from './terms.ts'

/** Answers whether this actor would vote for a candidate. */
export function onPreVote(turn: Turn, from: string, { term, inc, electorate }: PreVote): void {
  const { state } = turn
  const ours = isOurs(turn, from, electorate, electorateOfVotes(state).electorate)
  const granted = ours && mayVote(turn, from, inc) && term > state.election.term && believable(turn, term)
  answer(turn, from, 'prevoted', term, granted)
}

/** Votes, or refuses to. In a declared electorate the vote is kept before it is given. */
export function onVote(turn: Turn, from: string, { term, inc, electorate, claim: theirs }: Vote): void {
  const { state, now } = turn
  const { election, elector } = state
  const ours = isOurs(turn, from, electorate, electorateOfVotes(state).electorate)
  if (ours) adopt(turn, theirs, from)
  const { voted, claim, candidacy } = election
  const again = voted !== undefined && term === voted.term && voted.candidate === from && voted.inc === inc
  if (again && elector?.keeping !== undefined) return
  const fresh = again || voted === undefined || term > voted.term
  const open = claim === undefined || term > claim.token.term
  const granted = ours && mayVote(turn, from, inc) && fresh && open && term >= election.term && believable(turn, term)
  if (!granted || (elector?.keeping !== undefined && !again)) {
    answer(turn, from, 'voted', term, false)
    return
  }
  if (candidacy !== undefined) withdraw(turn, candidacy)
  election.voted = { term, candidate: from, inc }
  election.term = term
  election.promise = { to: from, term, until: now + state.profile.lease }
  turn.review = true
  const isKept = elector?.kept?.term === term && elector.kept.candidate?.peerId === from
  if (elector === undefined || isKept) answer(turn, from, 'voted', term, true)
  else keepVote(turn, elector, term, { peerId: from, inc }, { do: 'vote', to: from, term })
}

/** Gives a vote that is kept now, unless a later one has made it void. */
export function giveVote(turn: Turn, to: string, term: number): void {
  const { state, now } = turn
  const { voted, claim, promise } = state.election
  const stands = voted?.term === term && voted.candidate === to && (claim === undefined || term > claim.token.term)
  const free = promise === undefined || promise.to === to || now >= promise.until
  if (stands && free) state.election.promise = { to, term, until: now + state.profile.lease }
  answer(turn, to, 'voted', term, stands && free && takesPart(state))
}

function mayVote(turn: Turn, candidate: string, inc: number): boolean {
  const { state } = turn
  if (!takesPart(state) || state.elector?.settled === false) return false
  if (!mayStand(state, candidate, inc)) {
    state.counters.foreignVotes++
    return false
  }
  return !promised(turn, candidate)
}

/** Says no to a candidate, or yes. */
export function answer(turn: Turn, to: string, type: Ballot['type'], term: number, granted: boolean): void {
  const { term: seen, claim } = turn.state.election
  send(turn, to, { type, term, granted, seen, ...electorateOfVotes(turn.state), claim: claim ?? null })
}
