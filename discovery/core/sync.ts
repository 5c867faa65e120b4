import { absorb } from './absorb.ts'
import { adopt } from './election.ts'
import { sameDigest } from './fact.ts'
import type { State, Sync } from './messages.ts'
import { childLinks } from './outbox.ts'
import { onPage, sendSame, startPull } from './pull.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { Turn } from './state.ts'
import { applyChanges } from './verdict.ts'

/*
 * Anti-entropy: neighbours tell each other their digests, and whoever sees that they differ pulls what is in the
 * buckets that do. Gossip is a hint, this is the truth.
 */

/** Starts an exchange with a neighbour: who knows nothing yet pulls, everybody else shows what it has. */
export function startSync(turn: Turn, to: string): void {
  const { state } = turn
  state.counters.syncs++
  if (state.joined) {
    sendDigest(turn, to)
    return
  }
  // first, so that whoever answers knows this actor before it can say that it has joined: a parent its child above all
  if (state.own !== undefined) {
    send(turn, to, {
      type: 'facts',
      facts: [{ kind: 'record', known: state.own }],
      claim: state.election.claim ?? null,
    })
  }
  startPull(turn, to)
}

/** Syncs with a random neighbour, forgets what is past its time, and sets the next time. */
export function onSyncTimer(turn: Turn): void {
  const { state, now, rng } = turn
  state.registry.sweep(now)
  keepOwnRecord(turn)
  const partners = partnersOf(turn)
  const partner = partners[Math.floor(rng() * partners.length)]
  if (partner !== undefined) startSync(turn, partner)
  // spread, so that a mesh that started at once does not sync at once
  arm(turn, 'sync', now + state.profile.sync * (0.75 + rng() / 2))
}

/** A child whose root was called dead for long is hidden from itself, and what stays hidden is forgotten. */
function keepOwnRecord(turn: Turn): void {
  const { registry, own } = turn.state
  if (own === undefined || own.record.status === 'left' || registry.kept(own.record.peerId) !== undefined) return
  applyChanges(turn, registry.mergeRecord(own, turn.now).changes)
}

/** Begins to wait for a first sync. */
export function awaitJoin(turn: Turn): void {
  arm(turn, 'join', turn.now + turn.state.profile.joinRetry)
}

/** Tries once more to get the first sync, or gives up waiting. */
export function onJoinTimer(turn: Turn): void {
  const { state, now } = turn
  if (state.joined) return
  if (now >= state.joinBy) {
    state.claims.cautious = true
    join(turn, true)
    return
  }
  // whoever has not answered by now may be gone
  for (const [peerId, pull] of state.pulls) if (!pull.answered) state.pulls.delete(peerId)
  pullFromAnyone(turn)
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
  adopt(turn, claim, from)
  if (sameDigest(digest, turn.state.registry.digest)) sendSame(turn, from)
  else startPull(turn, from, digest)
}

/** Merges a page of another's registry. */
export function onState(turn: Turn, from: string, message: State): void {
  const { state } = turn
  adopt(turn, message.claim, from)
  const before = state.registry.digest
  absorb(turn, from, 'sync', message.facts)
  const news = !sameDigest(before, state.registry.digest)
  const progress = message.answer ? 'stray' : onPage(turn, from, message, news)
  // children hear the changes of others from here alone
  if (news && !message.more) for (const child of childLinks(state)) if (child !== from) sendDigest(turn, child)
  if (progress === 'busy' && !state.joined) pullFromAnyone(turn, from)
  const same = !message.answer && !message.more && sameDigest(message.digest, state.registry.digest)
  if (progress !== 'done' && !same) return
  const own = ownRecord(state)
  const enough = own.parent === undefined ? isRoot(turn, from) : from === own.parent
  if (enough) join(turn, false)
}

/** Asks neighbours in a random order until one can be asked: nobody has to feed all who join. */
function pullFromAnyone(turn: Turn, except?: string): void {
  const partners = partnersOf(turn).filter((peerId) => peerId !== except)
  const first = Math.floor(turn.rng() * partners.length)
  for (let index = 0; index < partners.length; index++) {
    const partner = partners[(first + index) % partners.length]
    if (partner !== undefined && startPull(turn, partner)) return
  }
}

function sendDigest(turn: Turn, to: string): void {
  const { state } = turn
  send(turn, to, { type: 'sync', digest: state.registry.digest, claim: state.election.claim ?? null })
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
