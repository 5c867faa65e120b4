import { ask, withdraw } from './candidacy.ts'
import { electorateOfClaims, isOurs, promised } from './electorate.ts'
import { endReign, release } from './office.ts'
import { tellClaim } from './outbox.ts'
import { outweighs } from './standing.ts'
import { ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { raiseTerm } from './terms.ts'
import { compareClaims, compareTokens } from './token.ts'
import type { Claim, Token } from './token.ts'

/**
 * Takes in a claim: a higher one is accepted, whoever rules below it steps down, and a lower one never is.
 *
 * When parts of a mesh meet again, the heavier part's arbiter answers a higher claim of a lighter one by standing at a
 * term above it; so that its followers do not change sides twice, they wait a lease for that.
 *
 * `from` is the neighbour on whose stream it came; an arbiter that does not know better yet is told.
 */
export function adopt(turn: Turn, claim: Claim | null, from?: string): void {
  if (claim === null) return
  const { state } = turn
  const { election } = state
  const { token } = claim
  if (!isOurs(turn, from, claim.electorate, electorateOfClaims(state).electorate)) return
  if (!mayRule(state, token)) {
    state.counters.foreignVotes++
    return
  }
  if (!raiseTerm(turn, token.term)) return
  const previous = election.claim
  const order = previous === undefined ? 1 : compareClaims(claim, previous)
  if (order < 0 && claim.held && from === token.peerId && previous !== undefined) {
    send(turn, from, { type: 'facts', facts: [], claim: previous })
  }
  if (order <= 0) return
  if (previous !== undefined && previous.held && claim.held && compareTokens(token, previous.token) === 0) {
    // the same arbiter says more of its side
    if (election.reign !== undefined) return
    election.claim = claim
    tellClaim(turn, 'children')
    return
  }
  if (previous !== undefined && waits(turn, previous, claim)) return
  follow(turn, claim)
}

/** The arbiter that this actor knows of, if it holds office and lives. */
export function arbiterOf({ election, registry }: CoreState): Token | null {
  const { claim } = election
  if (claim?.held !== true) return null
  return registry.get(claim.token.peerId)?.inc === claim.token.inc ? claim.token : null
}

function follow(turn: Turn, claim: Claim): void {
  const { state, now } = turn
  const { election } = state
  const { token } = claim
  // an office of an earlier life of this peer id, of which nothing is left
  const mine = token.peerId === ownRecord(state).peerId
  const held = claim.held && !mine
  election.claim = { ...claim, held }
  election.rival = undefined
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
  if (held) {
    election.quietUntil = now + state.profile.lease
    // what was promised to another stands: that one may rule until then
    if (!promised(turn, token.peerId)) {
      election.promise = { to: token.peerId, term: token.term, until: now + state.profile.lease }
    }
  } else if (election.promise?.to === token.peerId) election.promise = undefined
}

/**
 * Whether a higher claim of a lighter side, or of one that has given up, is not followed yet. The arbiter that rules
 * stands above it itself.
 */
function waits(turn: Turn, previous: Claim, claim: Claim): boolean {
  const { state, now } = turn
  const { election } = state
  if (state.quorum !== undefined || arbiterOf(state) === null) return false
  if (claim.token.peerId === previous.token.peerId || (claim.held && !outweighs(previous, claim))) return false
  const known = election.rival
  if (known === undefined || compareClaims(claim, known.claim) > 0) {
    election.rival = { claim, until: known?.until ?? now + state.profile.lease }
  }
  if (known === undefined || compareTokens(claim.token, known.claim.token) > 0) {
    const { reign, candidacy } = election
    if (reign === undefined) send(turn, previous.token.peerId, { type: 'facts', facts: [], claim })
    else if (candidacy === undefined) ask(turn, reign.committee)
  }
  return now < (election.rival?.until ?? now)
}

/** Follows the lighter side's arbiter after all when the own one did not stand against it in time, or is gone. */
export function reviewRival(turn: Turn): void {
  const { state, now } = turn
  const { rival, claim } = state.election
  if (rival === undefined || (now < rival.until && arbiterOf(state) !== null)) return
  state.election.rival = undefined
  if (claim === undefined || compareClaims(rival.claim, claim) > 0) follow(turn, rival.claim)
}

/** In a declared electorate nobody but its electors can rule. */
function mayRule({ registry, elector }: CoreState, { peerId }: Token): boolean {
  const record = registry.get(peerId)
  if (elector?.roll === undefined || record === undefined) return true
  return record.parent === undefined && elector.roll.includes(record.name)
}
