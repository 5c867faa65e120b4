import { withdraw } from './candidacy.ts'
import { promised, takesPart } from './electorate.ts'
import type { Ballot, PreVote, Vote } from './messages.ts'
import { send } from './state.ts'
import type { Turn } from './state.ts'

/** Answers whether this actor would vote for a candidate. */
export function onPreVote(turn: Turn, from: string, { term, inc }: PreVote): void {
  const granted = mayVote(turn, from, inc) && term > turn.state.election.term
  answer(turn, from, 'prevoted', term, granted)
}

/** Votes, or refuses to. */
export function onVote(turn: Turn, from: string, { term, inc }: Vote): void {
  const { state, now } = turn
  const { election } = state
  const { voted, claim, candidacy } = election
  const fresh = voted === undefined || term > voted.term || (term === voted.term && voted.candidate === from)
  const open = claim === undefined || term > claim.token.term
  const granted = mayVote(turn, from, inc) && fresh && open && term >= election.term
  if (granted) {
    if (candidacy !== undefined) withdraw(turn, candidacy)
    election.voted = { term, candidate: from }
    election.term = term
    election.promise = { to: from, term, until: now + state.profile.lease }
    turn.review = true
  }
  answer(turn, from, 'voted', term, granted)
}

function mayVote(turn: Turn, candidate: string, inc: number): boolean {
  const { state } = turn
  if (!takesPart(state) || promised(turn, candidate)) return false
  return state.registry.elders().some((elder) => elder.peerId === candidate && elder.inc === inc)
}

function answer(turn: Turn, to: string, type: Ballot['type'], term: number, granted: boolean): void {
  const { term: seen, claim } = turn.state.election
  send(turn, to, { type, term, granted, seen, claim: claim ?? null })
}
