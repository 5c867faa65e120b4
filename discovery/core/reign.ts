import { holderOf, ownSeat, seatOf } from './electorate.ts'
import type { Beat } from './election-messages.ts'
import type { Reign } from './election-state.ts'
import { arm, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { majority } from './token.ts'
import type { Token } from './token.ts'

/*
 * What an arbiter does: it beats, and it rules while a majority of its committee acknowledges (Raft's CheckQuorum).
 * Its lease counts from the *sending* of an acknowledged beat, the promises of those who acknowledged from its
 * arrival, so theirs end later than its own whatever the delay.
 *
 * Roots come and go, and the committee with them. A new committee carries the lease only after a majority of it has
 * acknowledged a beat; until then the former one does, for two leases at most, since some of the new members may
 * still be bound to another arbiter. (To credit new members with an acknowledgement instead let two arbiters rule one
 * committee: found by the simulator.)
 */

/** Share of a lease that an arbiter gives up: clocks may run at rates that differ by this much, a hundredth. */
export const CLOCK_MARGIN = 0.01

/** Begins to rule over the committee that voted; the votes count as acknowledgements from when they were asked for. */
export function beginReign(
  turn: Turn,
  token: Token,
  committee: readonly string[],
  votes: ReadonlySet<string>,
  askedAt: number,
): Reign {
  const reign: Reign = {
    token,
    committee,
    coming: undefined,
    unsettledSince: undefined,
    beat: 0,
    sentAt: new Map(),
    acked: new Map([...votes].map((member) => [member, askedAt])),
    leaseUntil: 0,
  }
  beatNow(turn, reign)
  return reign
}

/** Sends a beat to the committee and sets the next. */
export function beatNow(turn: Turn, reign: Reign): void {
  const { state, now } = turn
  reign.beat++
  reign.sentAt.set(reign.beat, now)
  reign.sentAt.delete(reign.beat - state.limits.beats)
  const own = ownRecord(state).peerId
  const beat = { type: 'beat', token: reign.token, beat: reign.beat, ...sideOf(state) } as const
  for (const seat of membersOf(reign)) {
    const to = holderOf(state, seat)
    if (to !== undefined && to !== own) send(turn, to, beat)
  }
  measureLease(turn, reign)
  arm(turn, 'beat', now + state.profile.beat)
}

/** Takes note of a member's acknowledgement. */
export function onAcknowledged(turn: Turn, reign: Reign, from: string, beat: number): void {
  const sentAt = reign.sentAt.get(beat)
  const member = seatOf(turn.state, [...membersOf(reign)], from)
  if (member === undefined) turn.state.counters.foreignVotes++
  if (sentAt === undefined || member === undefined) return
  reign.acked.set(member, Math.max(sentAt, reign.acked.get(member) ?? sentAt))
  confirm(turn, reign)
  measureLease(turn, reign)
}

/** Goes on with a committee that may have changed. */
export function reviewReign(turn: Turn, reign: Reign, committee: readonly string[]): void {
  if (sameMembers(committee, reign.committee)) {
    reign.coming = undefined
    reign.unsettledSince = undefined
  } else if (reign.coming === undefined || !sameMembers(committee, reign.coming.committee)) {
    reign.coming = { committee, since: turn.now }
    reign.unsettledSince ??= turn.now
    confirm(turn, reign)
    beatNow(turn, reign)
  }
  const members = membersOf(reign)
  for (const member of reign.acked.keys()) if (!members.has(member)) reign.acked.delete(member)
  measureLease(turn, reign)
}

/** Whether two committees have the same members. */
export function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member, index) => member === b[index])
}

function confirm(turn: Turn, reign: Reign): void {
  const { coming } = reign
  if (coming === undefined) return
  const own = ownSeat(turn.state)
  let agreed = 0
  for (const member of coming.committee) {
    if (member === own || (reign.acked.get(member) ?? -Infinity) >= coming.since) agreed++
  }
  if (agreed < majority(coming.committee.length)) return
  reign.committee = coming.committee
  reign.coming = undefined
  reign.unsettledSince = undefined
}

/** Until when the arbiter rules: a lease from the last beat that a majority, itself included, acknowledged. */
function measureLease(turn: Turn, reign: Reign): void {
  const { state, now } = turn
  const { lease } = state.profile
  const own = ownSeat(state)
  const times = reign.committee.map((member) => (member === own ? now : (reign.acked.get(member) ?? -Infinity)))
  times.sort((a, b) => b - a)
  const decisive = times[majority(reign.committee.length) - 1] ?? -Infinity
  reign.leaseUntil = Math.min(decisive, (reign.unsettledSince ?? Infinity) + lease) + lease * (1 - CLOCK_MARGIN)
  if (!state.timers.has('lease') && reign.leaseUntil > now) arm(turn, 'lease', reign.leaseUntil)
}

/** What the arbiter says of itself with every beat. */
function sideOf({ election: { claim } }: CoreState): Pick<Beat, 'electorate' | 'standing'> {
  return {
    ...(claim?.electorate === undefined ? {} : { electorate: claim.electorate }),
    ...(claim?.standing === undefined ? {} : { standing: claim.standing }),
  }
}

function membersOf({ committee, coming }: Reign): ReadonlySet<string> {
  return new Set([...committee, ...(coming?.committee ?? [])])
}
