import type { Change } from './change.ts'
import { tellClaim } from './outbox.ts'
import { ownRecord } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import type { Claim, Standing } from './token.ts'

/*
 * A mesh that is cut in two has two elastic arbiters. Each says how much of the mesh it stands for: `weight` decides
 * who stays when the parts meet, `provisional` tells those who would rather wait that this is the smaller part.
 */

/** Share of its weight by which an arbiter's side has to change before it says so again. */
const worthTelling = 1 / 8

/** Takes note of a root that came or went: called after each change of the registry. */
export function noteRoot(turn: Turn, change: Change): void {
  const { state, now } = turn
  const { view } = state.election
  const visible = state.registry.rootCount
  if (change.type !== 'down') view.stable = Math.max(view.stable, visible)
  else if (change.why === 'dead') view.lostAt = now
  else view.stable = Math.max(visible, view.stable - 1)
  slide(turn)
}

/** Roots that have been on this side of the mesh for at least two leases. */
function weigh(turn: Turn): number {
  slide(turn)
  const { least, leastBefore } = turn.state.election.view
  return Math.min(least, leastBefore)
}

/** What an arbiter that begins to rule says of its side; nothing when its electorate is declared. */
export function firstStanding(turn: Turn): { standing?: Standing } {
  if (turn.state.quorum !== undefined) return {}
  return { standing: { rev: 0, weight: weigh(turn), provisional: isProvisional(turn) } }
}

/** Says anew what the own side is when that has changed. */
export function reviewStanding(turn: Turn, mayWeigh: boolean): void {
  const { state } = turn
  const { claim } = state.election
  if (claim?.standing === undefined || !claim.held || claim.token.peerId !== ownRecord(state).peerId) return
  const { rev, weight: before, provisional: wasProvisional } = claim.standing
  const provisional = isProvisional(turn)
  const weight = mayWeigh ? weigh(turn) : before
  if (provisional === wasProvisional && Math.abs(weight - before) <= before * worthTelling) return
  state.election.claim = { ...claim, standing: { rev: rev + 1, weight, provisional } }
  tellClaim(turn, 'mesh')
}

/** Whether the arbiter that is followed stands for more roots than another. */
export function outweighs(ours: Claim, theirs: Claim): boolean {
  return ours.standing !== undefined && theirs.standing !== undefined && ours.standing.weight > theirs.standing.weight
}

/** Whether less than half of the last view that stood is left. */
function isProvisional({ state, now }: Turn): boolean {
  const { view } = state.election
  const visible = state.registry.rootCount
  // what was lost that long ago is not expected back: this is the mesh now
  if (now - view.lostAt >= state.profile.tombstoneTtl) view.stable = visible
  return 2 * visible < view.stable
}

/** The least of the present window of two leases and the one before: what grows counts later, what shrinks at once. */
function slide({ state, now }: Turn): void {
  const { view } = state.election
  const span = 2 * state.profile.lease
  const visible = state.registry.rootCount
  if (now - view.windowAt >= span) {
    view.leastBefore = now - view.windowAt < 2 * span ? view.least : visible
    view.least = visible
    view.windowAt = now
  }
  view.least = Math.min(view.least, visible)
}

/** Whether the arbiter that this actor knows of says that it stands for the smaller part. */
export function saysProvisional({ election }: CoreState): boolean {
  return election.claim?.held === true && election.claim.standing?.provisional === true
}
