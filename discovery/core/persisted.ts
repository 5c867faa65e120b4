import { requestVotes, withdraw } from './candidacy.ts'
import { callRoll } from './roll.ts'
import { arm, disarm } from './state.ts'
import type { Turn } from './state.ts'
import { answer, giveVote } from './voter.ts'

/** Does what had to wait until it would not be forgotten. */
export function onPersisted(turn: Turn, id: number): void {
  const { state } = turn
  const { elector, election } = state
  const keeping = elector?.keeping
  if (elector === undefined || keeping === undefined || keeping.id !== id) return
  const { votes, next } = keeping
  elector.keeping = undefined
  elector.kept = votes
  turn.review = true
  switch (next.do) {
    case 'agree':
      elector.roll = votes.roll
      callRoll(turn, elector)
      return
    case 'settle':
      elector.settled = true
      elector.floor = votes.term
      elector.heard.clear()
      election.term = Math.max(election.term, votes.term)
      election.voted = { term: votes.term, candidate: '', inc: 0 }
      // in a mesh that never had an arbiter nothing can have been promised
      if (votes.term === 0) elector.awakeAt = -Infinity
      disarm(turn, 'election')
      return
    case 'stand':
      if (election.candidacy === next.candidacy) requestVotes(turn, next.candidacy)
      return
    case 'vote':
      giveVote(turn, next.to, next.term)
  }
}

/** What cannot be kept is not said. */
export function onPersistFailed(turn: Turn, id: number): void {
  const { state, now } = turn
  const { elector, election } = state
  const keeping = elector?.keeping
  if (elector === undefined || keeping === undefined || keeping.id !== id) return
  elector.keeping = undefined
  const { next } = keeping
  if (next.do === 'vote') answer(turn, next.to, 'voted', next.term, false)
  else if (next.do === 'stand' && election.candidacy === next.candidacy) withdraw(turn, next.candidacy)
  if (election.reign === undefined) arm(turn, 'election', now + state.profile.lease)
}
