import type { ActorRecord } from '../record.ts'
import { claimLinks } from './claim-links.ts'
import { onClaimLink } from './claims.ts'
import { addDial, moveTo, onFailed, onRefused, planDials, wantRoot } from './dials.ts'
import type { DialOutcome, PeerHint } from './input.ts'
import { remind } from './probes.ts'
import { onLinked } from './relays.ts'
import { RINGS } from './rings.ts'
import { disarm, newLink, ownRecord } from './state.ts'
import type { Turn } from './state.ts'
import { startSync } from './sync.ts'
import { sameTexts } from './version.ts'
import { wantedLinks } from './wanted-links.ts'

/*
 * Who is a neighbour: of a root those before and after it on the rings, and the rest of the committee when it is in it; of
 * a child its parent. A closed connection is a reason to dial again, never a verdict; only dials that are refused to the
 * end of the grace are one. By rule the lower peer id of a pair dials, since two dials at once leave two connections.
 */

/** Takes in addresses told from outside. */
export function addPeers(turn: Turn, peers: readonly PeerHint[]): void {
  const { state, now } = turn
  const own = ownRecord(state)
  for (const { peerId, addrs, eager } of peers) {
    if (peerId === own.parent) state.parentAddrs = addrs
    if (peerId === own.peerId || state.banned.has(peerId) || state.links.has(peerId) || addrs.length === 0) continue
    const dial = state.dials.get(peerId)
    if (dial !== undefined) {
      if (dial.inc === undefined) moveTo(dial, addrs, undefined, now)
      else keepHint(turn, peerId, addrs, dial.addrs)
      continue
    }
    const record = state.registry.get(peerId)
    if (record !== undefined && own.parent === undefined) {
      keepHint(turn, peerId, addrs, record.addrs)
      continue
    }
    if (peerId !== own.parent && seedsOf(turn) >= state.limits.seeds) continue
    const first = eager === true || peerId === own.parent || own.peerId < peerId
    addDial(turn, peerId, addrs, undefined, now + (first ? 0 : state.profile.dialFallback) + spread(turn, eager))
  }
  planDials(turn)
}

/** A neighbour's stream is up. */
export function onConnected(turn: Turn, peerId: string): void {
  const { state } = turn
  const own = ownRecord(state)
  if (peerId === own.peerId || (state.links.size >= state.limits.links && !state.links.has(peerId))) return
  const dial = state.dials.get(peerId)
  const seed = dial !== undefined && dial.inc === undefined ? dial.addrs : state.links.get(peerId)?.seed
  state.links.set(peerId, newLink(seed))
  state.dials.delete(peerId)
  turn.review = true
  if (peerId === own.parent) state.parentLinks++
  onLinked(turn, peerId)
  onClaimLink(turn, peerId)
  remind(turn, peerId)
  const record = state.registry.get(peerId)
  if (own.parent !== undefined) {
    if (peerId === own.parent) startSync(turn, peerId)
  } else if (record?.parent === undefined && (record === undefined || !state.joined || own.peerId < peerId)) {
    startSync(turn, peerId)
  }
}

/** A neighbour's last connection closed. */
export function onDisconnected(turn: Turn, peerId: string): void {
  const { state, now } = turn
  const link = state.links.get(peerId)
  if (link === undefined) return
  state.links.delete(peerId)
  turn.review = true
  const own = ownRecord(state)
  if (state.leaving) return
  const record = state.registry.get(peerId)
  if (own.parent !== undefined) {
    const addrs = record?.addrs ?? state.parentAddrs
    if (peerId === own.parent && addrs.length > 0) addDial(turn, peerId, addrs, undefined, now)
  } else if (record !== undefined && record.parent === undefined && wantedLinks(turn).has(peerId)) {
    // both ends may be alive and dial: a small head start keeps one connection from becoming two
    const headStart = own.peerId < peerId ? 0 : state.profile.grace / 4
    addDial(turn, peerId, record.addrs, record.inc, now + headStart).urgent = true
  } else if (record === undefined && link.seed !== undefined && state.registry.tombstone(peerId)?.state !== 'left') {
    // it went before it could tell who it is
    addDial(turn, peerId, link.seed, undefined, now)
  }
  planDials(turn)
}

/** A dial has ended. */
export function onDialled(turn: Turn, peerId: string, outcome: DialOutcome): void {
  const { state, now, rng } = turn
  const dial = state.dials.get(peerId)
  if (dial === undefined) {
    const lost = state.lost.get(peerId)
    if (lost !== undefined && outcome === 'refused' && ++lost.refusals >= state.limits.refusals)
      state.lost.delete(peerId)
  } else if (dial.deadline !== undefined) {
    dial.deadline = undefined
    if (dial.outdated) {
      dial.outdated = false
      dial.nextAt = now
    } else if (outcome === 'reached') {
      dial.verify = false
      // the stream should follow at once; if it does not, this is tried again
      onFailed(turn, dial, 1)
      dial.nextAt = Math.max(dial.nextAt, now + state.profile.dialTimeout)
    } else if (outcome === 'refused') onRefused(turn, dial)
    else onFailed(turn, dial, rng())
  }
  planDials(turn)
}

/** Sees to it that every root that should be a neighbour is dialled, and nobody else. */
export function reviewLinks(turn: Turn): void {
  const { state } = turn
  const own = ownRecord(state)
  if (state.leaving) {
    state.dials.clear()
    disarm(turn, 'links')
    return
  }
  if (own.parent === undefined) {
    takeHints(turn)
    const claimed = claimLinks(turn)
    const wanted = wantedLinks(turn)
    for (const peerId of wanted) {
      const root = state.links.has(peerId) ? undefined : state.registry.get(peerId)
      if (root !== undefined) wantRoot(turn, root, claimed.includes(peerId))
    }
    for (const [peerId, { inc, verify: verifies }] of state.dials) {
      // an arbiter wants to see for itself that a claimant is gone
      const known = state.registry.get(peerId) !== undefined || claimed.includes(peerId)
      if (
        inc === undefined ? known && state.joined && !wanted.has(peerId) : !known || !(verifies || wanted.has(peerId))
      )
        state.dials.delete(peerId)
    }
  }
  planDials(turn)
}

/** A look-up or a call did not get through to a root: it is dialled until that is a verdict or none. */
export function verify(turn: Turn, { peerId, addrs, inc }: ActorRecord): void {
  const { state, now } = turn
  if (addrs.length === 0) return
  const dial = state.dials.get(peerId) ?? addDial(turn, peerId, addrs, inc, now)
  dial.verify = true
  if (dial.deadline === undefined) dial.nextAt = now
  planDials(turn)
}

/** Another address than its record says: of a later life, perhaps, whose former one nobody has missed yet. */
function keepHint({ state }: Turn, peerId: string, addrs: readonly string[], known: readonly string[]): void {
  if (sameTexts(addrs, known)) return
  state.hints.set(peerId, addrs)
  if (state.hints.size <= state.limits.seeds) return
  for (const oldest of state.hints.keys()) {
    state.hints.delete(oldest)
    break
  }
}

/** What was kept is of use when the former life is over, and of none when the later one is there. */
function takeHints(turn: Turn): void {
  const { state } = turn
  for (const [peerId, addrs] of state.hints) {
    const record = state.registry.get(peerId)
    if (record !== undefined && !state.links.has(peerId) && !sameTexts(record.addrs, addrs)) continue
    state.hints.delete(peerId)
    if (record === undefined && !state.links.has(peerId) && !state.dials.has(peerId))
      addDial(turn, peerId, addrs, undefined, turn.now)
  }
}

/**
 * In a large mesh everybody hears at once of a root that appears in the rendezvous, and one dial is enough: they wait
 * for each other.
 */
function spread({ state, rng }: Turn, eager: boolean | undefined): number {
  const { others } = state.liveness.rings
  return eager === true || !state.joined || others <= RINGS ? 0 : rng() * others * state.profile.batch
}

function seedsOf({ state }: Turn): number {
  let seeds = 0
  for (const { inc } of state.dials.values()) if (inc === undefined) seeds++
  return seeds
}
