import type { ActorRecord } from '../record.ts'
import type { End, Fact, Known } from './fact.ts'
import { pages, tell } from './outbox.ts'
import { requestSign } from './own.ts'
import { endOf } from './registry.ts'
import type { Change, Merge } from './change.ts'
import { emit, ownRecord, send } from './state.ts'
import type { Turn } from './state.ts'
import { compareLives, compareVersions } from './version.ts'

/** How a fact came: on a neighbour's own stream, or by gossip that a neighbour passed on. */
export type Via = 'stream' | 'gossip'

/** Pause between two echoes of one accusation, in batches. */
const echoPause = 20

/**
 * Merges what others said and sees to it that whoever has to know gets to know.
 *
 * What came on a child's stream is passed on to the whole mesh, since nobody else hears it; whatever else is news, to
 * the own children, which have no other neighbour.
 */
export function absorb(turn: Turn, from: string, via: Via, facts: readonly Fact[]): void {
  const { state } = turn
  const self = ownRecord(state).peerId
  const news: Fact[] = []
  const replies: Fact[] = []
  let fromChild = isChild(turn, from)
  for (const fact of facts) {
    const before = replies.length
    const merge = fact.kind === 'record' ? takeRecord(turn, fact.known, replies) : takeEnd(turn, fact.end, via, replies)
    if (merge === undefined) continue
    applyChanges(turn, merge.changes)
    if (merge.changes.length > 0) news.push(fact)
    else if (merge.outcome === 'full') state.counters.dropped++
    if (merge.outcome === 'accused' && fact.kind === 'record') echo(turn, from, via, fact.known.record, replies)
    if (via === 'gossip') replies.length = before
  }
  fromChild ||= isChild(turn, from)
  // gossip alone is not enough for a child: it may not be in this actor's gossip mesh yet, or never for want of room
  for (const fact of news) tell(turn, via === 'stream' && fromChild ? 'mesh' : 'children', fact)
  if (via === 'stream') {
    for (const page of pages(state, replies, false)) {
      send(turn, from, { type: 'facts', facts: page, claim: state.election.claim ?? null })
    }
  }
  for (const fact of news) warn(turn, from, self, fact)
}

/** Declares an actor dead on own evidence and tells everybody. */
export function declareDead(turn: Turn, { peerId, inc, rev }: ActorRecord): void {
  const { state, now } = turn
  const end: End = { peerId, inc, rev, state: 'dead', by: ownRecord(state).peerId, age: 0 }
  const merge = state.registry.mergeEnd(end, now)
  if (merge.outcome !== 'new') return
  state.counters.verdicts++
  applyChanges(turn, merge.changes)
  tell(turn, 'mesh', { kind: 'end', end })
}

/** Tells the users of the layer what changed and keeps the addresses of dead roots. */
export function applyChanges(turn: Turn, changes: readonly Change[]): void {
  const { state, now, rng } = turn
  for (const change of changes) {
    emit(turn, change)
    const { record } = change
    if (record.parent !== undefined) continue
    turn.review = true
    state.lost.delete(record.peerId)
    if (change.type === 'down' && change.why === 'dead' && record.addrs.length > 0) {
      const nextAt = now + state.profile.lostRetry * (0.5 + rng())
      state.lost.set(record.peerId, { addrs: record.addrs, until: now + state.profile.lostTtl, nextAt, refusals: 0 })
      if (state.lost.size > state.limits.lost) {
        for (const oldest of state.lost.keys()) {
          state.lost.delete(oldest)
          break
        }
      }
    }
  }
}

function takeRecord(turn: Turn, known: Known, replies: Fact[]): Merge | undefined {
  const { state, now } = turn
  const { record } = known
  const own = ownRecord(state)
  if (record.peerId === own.peerId) {
    // an earlier life of this peer id, or another process with its key
    if (compareVersions(record, own) > 0) outbid(turn, record, record)
    return undefined
  }
  if (record.parent === own.peerId && state.exited.has(record.peerId) && record.status !== 'left') {
    // a word of the child that was still on its way when its process ended
    declareDead(turn, record)
  }
  const merge = state.registry.mergeRecord(known, now)
  if (merge.outcome === 'older') {
    const newer = state.registry.kept(record.peerId)
    if (newer !== undefined) replies.push({ kind: 'record', known: newer })
  }
  return merge
}

function takeEnd(turn: Turn, end: End, via: Via, replies: Fact[]): Merge | undefined {
  const { state, now } = turn
  const own = ownRecord(state)
  if (end.peerId === own.peerId) {
    refute(turn, end, replies)
    return undefined
  }
  const merge = state.registry.mergeEnd(end, now)
  const kept = state.registry.kept(end.peerId)
  if (merge.outcome === 'older' && kept !== undefined && via === 'stream') replies.push({ kind: 'record', known: kept })
  if (merge.outcome === 'same') {
    const queued = state.outbox.mesh.get(end.peerId)
    if (via === 'gossip' && queued?.kind === 'end' && compareLives(queued.end, end) === 0) {
      state.outbox.mesh.delete(end.peerId)
    }
  }
  return merge
}

/**
 * A stale ALIVE meets the accusation that it missed, so that its owner can refute it (hashicorp/memberlist issue
 * 311).
 */
function echo(turn: Turn, from: string, via: Via, record: ActorRecord, replies: Fact[]): void {
  const { state, now } = turn
  const tombstone = state.registry.tombstone(record.peerId)
  if (tombstone === undefined) return
  const fact: Fact = { kind: 'end', end: endOf(tombstone, now) }
  if (via === 'stream') replies.push(fact)
  if (state.links.has(record.peerId)) {
    if (record.peerId !== from) send(turn, record.peerId, { type: 'facts', facts: [fact], claim: null })
    else if (via === 'gossip') send(turn, from, { type: 'facts', facts: [fact], claim: null })
  } else if (via === 'gossip' && now - tombstone.echoedAt >= state.profile.batch * echoPause) {
    tombstone.echoedAt = now
    tell(turn, 'mesh', fact, true)
  }
}

/** Whoever is called dead and is a neighbour hears it from here at once: it may live. */
function warn(turn: Turn, from: string, self: string, fact: Fact): void {
  if (fact.kind !== 'end' || fact.end.state !== 'dead') return
  const { peerId } = fact.end
  if (peerId !== from && peerId !== self) send(turn, peerId, { type: 'facts', facts: [fact], claim: null })
}

function refute(turn: Turn, end: End, replies: Fact[]): void {
  const { state } = turn
  const own = ownRecord(state)
  if (own.status === 'left' || state.signing?.status === 'left') return
  if (compareLives(end, own) < 0) {
    if (state.own !== undefined) replies.push({ kind: 'record', known: state.own })
    return
  }
  if (end.inc > own.inc) {
    outbid(turn, end, undefined)
    return
  }
  const pending = state.signing
  if (pending !== undefined && compareLives(end, pending) < 0) return
  state.counters.refutations++
  emit(turn, { type: 'accused', by: end.by })
  requestSign(turn, { inc: own.inc, rev: end.rev + 1, seq: own.seq })
}

function outbid(turn: Turn, life: { inc: number }, record: ActorRecord | undefined): void {
  const { state } = turn
  const own = ownRecord(state)
  if (own.status === 'left' || state.signing?.status === 'left') return
  if (state.signing !== undefined && state.signing.inc > life.inc) return
  // two living processes with one key would outbid each other for ever
  if (state.reclaims >= state.limits.reclaims || life.inc >= Number.MAX_SAFE_INTEGER - 1) {
    if (state.reclaims === state.limits.reclaims) emit(turn, { type: 'conflict', record })
    state.reclaims = state.limits.reclaims + 1
    return
  }
  state.reclaims++
  requestSign(turn, { inc: Math.max(own.inc, life.inc + 1), rev: 0, seq: own.seq })
}

function isChild({ state }: Turn, peerId: string): boolean {
  return state.registry.kept(peerId)?.record.parent === ownRecord(state).peerId
}
