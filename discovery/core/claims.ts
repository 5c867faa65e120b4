import { lifeKey } from './claim-state.ts'
import type { ClaimState, OwnClaim } from './claim-state.ts'
import type { ClaimLoss } from './effect.ts'
import { onCertainEnd, onOfficeTimer as takeUp, reviewOffice, takeClaims } from './grants.ts'
import type { Reply } from './grants.ts'
import type { Answer, Claims, Granted } from './claim-messages.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'

/*
 * The names that an actor claims. It tells the arbiter, by way of its parents, all that it wants and holds, at every
 * change and once a while; a later telling replaces all earlier ones, so losses, repetitions and reordering do no
 * harm. What it holds it believes to hold for a lease from the *sending* of the last telling that an arbiter
 * answered. Each actor on the way remembers where the claims came from: answers go back by the same way, and a parent
 * whose child has exited says so in its name.
 */

/** Begins to want a name. */
export function onClaim(turn: Turn, id: number, name: string): void {
  turn.state.claims.own.set(id, { id, name, since: turn.now, fence: undefined, holder: undefined })
  tellClaims(turn)
}

/** Gives names up, or wants them no more; all of them when none are named. */
export function onUnclaim(turn: Turn, ids: readonly number[] | undefined): void {
  const { own } = turn.state.claims
  let fewer = false
  for (const id of ids ?? [...own.keys()]) {
    const claim = own.get(id)
    if (claim === undefined) continue
    lose(turn, claim, 'released', null)
    fewer = true
  }
  if (fewer) tellClaims(turn)
}

/** Stops to believe when the lease has run out: before anything else is done, so that a pause cannot be overlooked. */
export function checkClaims(turn: Turn): void {
  const { claims } = turn.state
  if (claims.own.size === 0 || turn.now < claimsUntil(turn.state)) return
  for (const claim of claims.own.values()) if (claim.fence !== undefined) lose(turn, claim, 'lease', null)
}

/** Until when what this actor holds is its own. */
export function claimsUntil({ claims, profile }: CoreState): number {
  return claims.ackedAt + profile.claimLease
}

/** Whether this actor holds a claim at this moment. */
export function holds(state: CoreState, id: number, now: number): boolean {
  return state.claims.own.get(id)?.fence !== undefined && now < claimsUntil(state)
}

/** Tells the arbiter again, so that the lease goes on; or finds that it has run out. */
export function onClaimsTimer(turn: Turn): void {
  const { claims, profile } = turn.state
  const due = (claims.sentAt.get(claims.round) ?? -Infinity) + profile.claimRenew
  if (claims.own.size === 0) return
  if (turn.now >= due) tellClaims(turn)
  else armRenewal(turn, due)
}

/** Looks at the office again, and tells a new arbiter what this actor holds. */
export function reviewClaims(turn: Turn, newArbiter: boolean): void {
  const { own } = turn.state.claims
  reviewOffice(turn)
  if (!newArbiter) return
  // whoever made them tells the new one as well
  turn.state.claims.undelivered.clear()
  if (own.size > 0) tellClaims(turn)
}

/** Passes claims on towards the arbiter, or takes them as the arbiter. */
export function onClaims(turn: Turn, from: string, message: Claims): void {
  const { state } = turn
  const { claims, limits } = state
  if (!maySpeakFor(turn, from, message.actor)) {
    state.counters.dropped++
    return
  }
  const key = lifeKey(message.actor, message.life)
  // set anew, so that the first ones of the map are those of which nothing was heard for longest
  claims.routes.delete(key)
  claims.routes.set(key, { actor: message.actor, life: message.life, via: from })
  if (claims.routes.size > limits.claimRoutes) {
    for (const oldest of claims.routes.keys()) {
      claims.routes.delete(oldest)
      break
    }
  }
  const fromRoot = state.registry.kept(from)?.record.parent === undefined
  pass(turn, from, message, !fromRoot)
}

/** Takes the arbiter's answer, or passes it on towards whom it is for. */
export function onGranted(turn: Turn, message: Granted): void {
  const { claims } = turn.state
  if (message.actor !== ownRecord(turn.state).peerId) {
    const route = claims.routes.get(lifeKey(message.actor, message.life))
    if (route !== undefined) send(turn, route.via, message)
    return
  }
  const sentAt = claims.sentAt.get(message.round)
  if (message.life !== claims.life || sentAt === undefined) return
  // too old to hold anything by it
  if (turn.now >= sentAt + turn.state.profile.claimLease) return
  if (sentAt >= claims.ackedAt) {
    claims.ackedAt = sentAt
    claims.ackedBy = message.arbiter
  }
  for (const answer of message.answers) {
    const claim = claims.own.get(answer.id)
    if (claim !== undefined) take(turn, claim, answer)
  }
  armLease(turn)
}

/** A link is up, to the arbiter perhaps: what waited for it goes out. */
export function onClaimLink(turn: Turn, peerId: string): void {
  const { claims, arbiter } = turn.state
  if (claims.undelivered.size === 0 || arbiter?.peerId !== peerId) return
  for (const message of claims.undelivered.values()) send(turn, peerId, message)
  claims.undelivered.clear()
}

/** A child process is gone for certain: what it held is free. */
export function onClaimantExited(turn: Turn, peerId: string): void {
  const { state } = turn
  for (const { actor, life, via } of state.claims.routes.values()) {
    if (actor !== peerId || via !== peerId) continue
    pass(turn, peerId, { type: 'claims', actor, life, round: Number.MAX_SAFE_INTEGER, wants: [] }, true)
  }
}

/** A root refuses connections where it listened: its process is gone for certain. */
export function onClaimantRefused(turn: Turn, peerId: string): void {
  deliver(turn, onCertainEnd(turn, peerId))
}

/** The arbiter's timer. */
export function onOfficeTimer(turn: Turn): void {
  deliver(turn, takeUp(turn))
}

/** Sends all that this actor wants and holds. */
function tellClaims(turn: Turn): void {
  const { state, now } = turn
  const { claims, limits, profile } = state
  const { peerId } = ownRecord(state)
  claims.round++
  claims.sentAt.set(claims.round, now)
  claims.sentAt.delete(claims.round - limits.claimRounds)
  const wants = [...claims.own.values()].map(({ id, name, fence, since }) => ({
    id,
    name,
    fence,
    waited: Math.round(Math.min(now - since, limits.age)),
  }))
  if (claims.own.size === 0) disarm(turn, 'claims')
  else armRenewal(turn, now + profile.claimRenew)
  pass(turn, peerId, { type: 'claims', actor: peerId, life: claims.life, round: claims.round, wants }, true)
}

/** `ahead`: this actor is the claimant, or a parent of it, and not the root that was taken for the arbiter. */
function pass(turn: Turn, from: string, message: Claims, ahead: boolean): void {
  const { state } = turn
  const { parent, peerId } = ownRecord(state)
  if (parent !== undefined) {
    send(turn, parent, message)
  } else if (state.election.reign !== undefined) {
    reviewOffice(turn)
    deliver(turn, takeClaims(turn, from, message))
  } else if (ahead) {
    const { arbiter } = state
    if (arbiter !== null && arbiter.peerId !== peerId) passTo(turn, arbiter.peerId, message)
  } else {
    // whoever asks the wrong one does not know better yet
    send(turn, from, { type: 'facts', facts: [], claim: state.election.claim ?? null })
  }
}

function passTo(turn: Turn, arbiter: string, message: Claims): void {
  const { claims, links, limits } = turn.state
  claims.passedAt = turn.now
  if (links.has(arbiter)) {
    send(turn, arbiter, message)
    return
  }
  const key = lifeKey(message.actor, message.life)
  if (claims.undelivered.size < limits.claimRoutes || claims.undelivered.has(key)) claims.undelivered.set(key, message)
  // it has to be dialled first
  turn.review = true
}

/** An actor itself, its root, and its parents in this tree. One that is not known yet may be anybody's. */
function maySpeakFor({ state: { registry, own } }: Turn, from: string, actor: string): boolean {
  const record = registry.kept(actor)?.record
  if (record === undefined || actor === from || record.root === from) return true
  return record.root === own?.record.root && registry.kept(from)?.record.root === record.root
}

function deliver(turn: Turn, replies: readonly Reply[]): void {
  const { peerId } = ownRecord(turn.state)
  for (const { via, message } of replies) {
    if (via === peerId) onGranted(turn, message)
    else send(turn, via, message)
  }
}

function take(turn: Turn, claim: OwnClaim, answer: Answer): void {
  const { id, name } = claim
  switch (answer.outcome) {
    case 'held':
      if (claim.fence !== undefined) return
      claim.fence = answer.fence
      emit(turn, { type: 'claimed', id, name, fence: answer.fence })
      return
    case 'waits':
      // one that was overtaken by the grant says nothing
      if (claim.fence !== undefined || claim.holder === answer.holder) return
      claim.holder = answer.holder
      emit(turn, { type: 'claimWaits', id, holder: answer.holder })
      return
    case 'lost':
      lose(turn, claim, 'fenced', answer.holder)
      return
    case 'full':
      turn.state.claims.own.delete(id)
      emit(turn, { type: 'claimRefused', id, limit: answer.limit })
  }
}

function lose(turn: Turn, { id, name }: OwnClaim, why: ClaimLoss, holder: string | null): void {
  turn.state.claims.own.delete(id)
  emit(turn, { type: 'claimLost', id, name, why, holder })
}

/** The next telling is due at a time, or the lease ends sooner. */
function armRenewal(turn: Turn, due: number): void {
  const { state } = turn
  const until = anyHeld(state.claims) ? claimsUntil(state) : Infinity
  arm(turn, 'claims', Math.max(turn.now, Math.min(due, until)))
}

function armLease(turn: Turn): void {
  const { claims } = turn.state
  const due = turn.state.timers.get('claims')
  if (claims.own.size > 0 && due !== undefined && anyHeld(claims)) armRenewal(turn, due)
}

function anyHeld({ own }: ClaimState): boolean {
  for (const { fence } of own.values()) if (fence !== undefined) return true
  return false
}
