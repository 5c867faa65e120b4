import { nameOfRoll } from './quorum.ts'
import { emit, ownRecord } from './state.ts'
import type { CoreState, Turn } from './state.ts'

/*
 * Who elects. Elastic: the oldest live roots, each in the seat of its own peer id. Declared: the electors of the roll,
 * each in the seat of its name, whatever its peer id in this life.
 */

/** Only roots that know the mesh and stay in it elect. */
export function takesPart(state: CoreState): boolean {
  const own = ownRecord(state)
  return own.parent === undefined && own.status === 'up' && state.joined && !state.leaving
}

/** The seats of the committee, in the order in which they stand for election; none while there is no electorate. */
export function committeeOf({ registry, elector }: CoreState): readonly string[] {
  if (elector === undefined) return registry.elders().map(({ peerId }) => peerId)
  return elector.settled && elector.roll !== undefined ? elector.roll : []
}

/** This root's own seat, whether or not the committee has it. */
export function ownSeat(state: CoreState): string {
  const { peerId, name } = ownRecord(state)
  return state.elector === undefined ? peerId : name
}

/** The peer that sits in a seat; undefined while nobody does. */
export function holderOf(state: CoreState, seat: string): string | undefined {
  if (state.elector === undefined) return seat
  let holder: string | undefined
  // the youngest: an elector that was started again takes its seat at once
  for (const record of state.registry.find(seat)) if (record.parent === undefined) holder = record.peerId
  return holder
}

/** The seat that a peer has in a committee. */
export function seatOf(state: CoreState, committee: readonly string[], peerId: string): string | undefined {
  if (state.elector === undefined) return committee.includes(peerId) ? peerId : undefined
  const record = state.registry.get(peerId)
  if (record === undefined || !committee.includes(record.name)) return undefined
  return holderOf(state, record.name) === peerId ? record.name : undefined
}

/** Whether this root sits in a committee. */
export function isMember(state: CoreState, committee: readonly string[]): boolean {
  return seatOf(state, committee, ownRecord(state).peerId) !== undefined
}

/** Whether a peer may be elected by this root. */
export function mayStand(state: CoreState, peerId: string, inc: number): boolean {
  if (state.registry.get(peerId)?.inc !== inc) return false
  return seatOf(state, committeeOf(state), peerId) !== undefined
}

/**
 * The roots that this one has to be linked with so that elections work: its committee's members for a member, and the
 * roots that it may have to agree with while a declared electorate is not complete. At most 16.
 */
export function electorsToLink(state: CoreState): readonly string[] {
  const { elector, registry, quorum } = state
  const own = ownRecord(state)
  if (own.parent !== undefined) return []
  let seats: readonly string[]
  if (elector === undefined) {
    const { reign } = state.election
    seats = [...new Set([...committeeOf(state), ...(reign?.committee ?? [])])]
    if (!seats.includes(own.peerId)) return []
  } else if (elector.roll === undefined) {
    const peers: string[] = []
    for (const { peerId } of registry.roots()) {
      if (peerId !== own.peerId) peers.push(peerId)
      if (peers.length > (quorum?.size ?? 0)) break
    }
    return peers
  } else {
    if (!elector.roll.includes(own.name)) return []
    seats = elector.roll
  }
  return seats.flatMap((seat) => {
    const peerId = holderOf(state, seat)
    return peerId === undefined || peerId === own.peerId ? [] : [peerId]
  })
}

/** What votes of this root are for: all electors that count together name the same. */
export function electorateOfVotes({ quorum, elector }: CoreState): { electorate?: string } {
  if (quorum === undefined) return {}
  const agreed = quorum.electors === undefined ? elector?.roll : undefined
  return { electorate: agreed === undefined ? quorum.name : `${quorum.name}:${nameOfRoll(agreed)}` }
}

/** What claims of this mesh's arbiters name. */
export function electorateOfClaims({ quorum }: CoreState): { electorate?: string } {
  return quorum === undefined ? {} : { electorate: quorum.name }
}

/** Whether a word about an election is of the own electorate; one that is not is counted, and told once. */
export function isOurs(turn: Turn, from: string | undefined, theirs: string | undefined, ours: string | undefined) {
  if (theirs === ours) return true
  const { state } = turn
  const { strangers } = state.election
  state.counters.foreignVotes++
  if (from !== undefined && !strangers.has(from) && strangers.size < state.limits.strangers) {
    strangers.add(from)
    emit(turn, { type: 'electorate', problem: 'differs', names: [state.registry.get(from)?.name ?? from] })
  }
  return false
}

/** Whether a vote for this candidate is forbidden, by a promise to another or by the presence of another arbiter. */
export function promised(turn: Turn, candidate: string): boolean {
  return turn.now < boundUntil(turn, candidate)
}

/** Until when a vote for this candidate is forbidden; -Infinity when it is not. */
export function boundUntil({ state }: Turn, candidate: string): number {
  const { promise, claim, quietUntil, awakeAt, reign } = state.election
  if (reign !== undefined) return Infinity
  const binds = (to: string): boolean => to !== candidate && !isOver(state, to)
  const byPromise = promise !== undefined && binds(promise.to) ? promise.until : -Infinity
  const byArbiter = claim?.held === true && binds(claim.token.peerId) ? quietUntil : -Infinity
  return Math.max(byPromise, byArbiter, state.elector?.awakeAt ?? awakeAt)
}

/**
 * The lease of the dead need not run out. Hearsay alone is no proof while the own connection to them stands, and in a
 * declared electorate only their own word is one: who refuses dials may still rule.
 */
function isOver({ registry, links, elector }: CoreState, peerId: string): boolean {
  const end = registry.tombstone(peerId)
  if (end === undefined) return false
  return end.state === 'left' || (elector === undefined && !links.has(peerId))
}
