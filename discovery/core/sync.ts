import { absorb } from './absorb.ts'
import { adopt } from './election.ts'
import { sameDigest, subjectOf } from './fact.ts'
import type { Fact } from './fact.ts'
import type { State, Sync } from './messages.ts'
import { pages } from './outbox.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { Turn } from './state.ts'

/*
 * Anti-entropy: A sends its digest; if B's differs, B answers with its whole registry in pages; if A's still differs
 * after merging them, A sends what B did not have. Gossip is a hint, this is the truth.
 */

/** Starts an exchange with a neighbour. */
export function startSync(turn: Turn, to: string): void {
  const { state } = turn
  state.counters.syncs++
  send(turn, to, { type: 'sync', digest: state.registry.digest, claim: state.election.claim ?? null })
}

/** Syncs with a random neighbour, forgets what is past its time, and sets the next time. */
export function onSyncTimer(turn: Turn): void {
  const { state, now, rng } = turn
  state.registry.sweep(now)
  const partners = partnersOf(turn)
  const partner = partners[Math.floor(rng() * partners.length)]
  if (partner !== undefined) startSync(turn, partner)
  // spread, so that a mesh that started at once does not sync at once
  arm(turn, 'sync', now + state.profile.sync * (0.75 + rng() / 2))
}

/** Begins to wait for a first sync. */
export function awaitJoin(turn: Turn): void {
  arm(turn, 'join', turn.now + turn.state.profile.joinRetry)
}

/** Tries once more to get the first sync, or gives up waiting. */
export function onJoinTimer(turn: Turn): void {
  const { state, now, rng } = turn
  if (state.joined) return
  if (now >= state.joinBy) {
    join(turn, true)
    return
  }
  const partners = partnersOf(turn)
  const partner = partners[Math.floor(rng() * partners.length)]
  if (partner !== undefined) startSync(turn, partner)
  arm(turn, 'join', Math.min(now + state.profile.joinRetry, Math.max(state.joinBy, now + 1)))
}

/** The first sync is done, or there is nobody to sync with. */
export function join(turn: Turn, alone: boolean): void {
  if (turn.state.joined) return
  turn.state.joined = true
  turn.review = true
  disarm(turn, 'join')
  emit(turn, { type: 'joined', alone })
}

/** Answers another's digest. */
export function onSync(turn: Turn, from: string, { digest, claim }: Sync): void {
  const { state, now } = turn
  adopt(turn, claim, from)
  const own = state.registry.digest
  if (sameDigest(digest, own)) {
    const nothing: State = {
      type: 'state',
      facts: [],
      claim: currentClaim(turn),
      digest: own,
      more: false,
      answer: false,
    }
    send(turn, from, nothing)
    return
  }
  const link = state.links.get(from)
  // the answer is as large as the registry: nobody gets it again and again at will
  if (link === undefined || now - link.stateAt < state.profile.batch) return
  link.stateAt = now
  sendState(turn, from, state.registry.facts(now), false)
}

/** Merges a page of another's registry. */
export function onState(turn: Turn, from: string, message: State): void {
  const { state, now } = turn
  const link = state.links.get(from)
  if (link !== undefined) {
    for (const fact of message.facts) link.theirs.set(subjectOf(fact), versionOf(fact))
    // pages without end would otherwise fill the memory
    if (link.theirs.size > state.limits.members + state.limits.tombstones) link.theirs.clear()
  }
  adopt(turn, message.claim, from)
  absorb(turn, from, 'stream', message.facts)
  if (message.more) return
  if (!message.answer && link !== undefined && !sameDigest(message.digest, state.registry.digest)) {
    const missing = [...state.registry.facts(now)].filter(
      (fact) => link.theirs.get(subjectOf(fact)) !== versionOf(fact),
    )
    sendState(turn, from, missing, true)
  }
  link?.theirs.clear()
  const own = ownRecord(state)
  const enough = own.parent === undefined ? isRoot(turn, from) : from === own.parent
  if (enough) join(turn, false)
}

function sendState(turn: Turn, to: string, facts: Iterable<Fact>, answer: boolean): void {
  const { digest } = turn.state.registry
  let waiting: Fact[] | undefined
  for (const page of pages(turn.state, facts, true)) {
    if (waiting !== undefined) sendPage(waiting, true)
    waiting = page
  }
  sendPage(waiting ?? [], false)

  function sendPage(page: Fact[], more: boolean): void {
    send(turn, to, { type: 'state', facts: page, claim: currentClaim(turn), digest, more, answer })
  }
}

/**
 * A child's only partner is its parent; a root's are all neighbours but children, which come by themselves. A
 * neighbour that is not in the registry counts: it may have been declared dead, and has to hear of it.
 */
function partnersOf({ state }: Turn): string[] {
  const { parent } = ownRecord(state)
  if (parent !== undefined) return state.links.has(parent) ? [parent] : []
  return [...state.links.keys()].filter((peerId) => state.registry.kept(peerId)?.record.parent === undefined)
}

function isRoot({ state }: Turn, peerId: string): boolean {
  const record = state.registry.get(peerId)
  return record !== undefined && record.parent === undefined
}

function currentClaim({ state }: Turn): State['claim'] {
  return state.election.claim ?? null
}

function versionOf(fact: Fact): string {
  if (fact.kind === 'suspect') return `${fact.accusation.inc}.${fact.accusation.rev}.suspect`
  if (fact.kind === 'end') return `${fact.end.inc}.${fact.end.rev}.${fact.end.state}`
  const { inc, rev, seq } = fact.known.record
  return `${inc}.${rev}.${seq}`
}
