import type { Elector, Keeping } from './election-state.ts'
import type { KeptVotes } from './quorum.ts'
import type { Turn } from './state.ts'

/** Asks for something to be written to disk, and keeps in mind what is to be done then. One at a time. */
export function keep(turn: Turn, elector: Elector, votes: KeptVotes, next: Keeping['next']): void {
  const id = ++elector.writes
  elector.keeping = { id, votes, next }
  turn.effects.push({ type: 'persist', id, votes })
}

/** What an elector has to keep when it votes: its roll stays as it is. */
export function keepVote(
  turn: Turn,
  elector: Elector,
  term: number,
  candidate: { readonly peerId: string; readonly inc: number },
  next: Keeping['next'],
): void {
  keep(turn, elector, { roll: elector.roll ?? [], settled: elector.settled, term, candidate }, next)
}
