import type { Turn } from './state.ts'

/*
 * Terms come from others, and nobody can prove one. A word may raise the own term by `termJump` within a lease; what
 * is above is not believed, but opens the next lease's window by as much, so that who comes late to a mesh of many
 * elections catches up. A term of 2^50 would have to be claimed for 2^30 leases, more than 50 years, before it counts.
 */

/** Takes in a term that somebody named; false when it is not to be believed now. */
export function raiseTerm(turn: Turn, term: number): boolean {
  if (!believable(turn, term)) return false
  turn.state.election.term = Math.max(turn.state.election.term, term)
  return true
}

/** Whether a term that somebody names may be one; counts those that may not. */
export function believable({ state, now }: Turn, term: number): boolean {
  const { election, profile, limits, counters } = state
  const { ceiling } = election
  if (term <= election.term) return true
  if (now >= ceiling.until) {
    ceiling.term = (ceiling.pressed ? Math.max(ceiling.term, election.term) : election.term) + limits.termJump
    ceiling.until = now + profile.lease
    ceiling.pressed = false
  }
  if (term <= ceiling.term) return true
  ceiling.pressed = true
  counters.absurdTerms++
  return false
}
