import type { ActorRecord } from '../record.ts'
import { claimLinks } from './claim-links.ts'
import { onClaimantRefused, onClaimLink } from './claims.ts'
import { electorsToLink } from './electorate.ts'
import type { DialOutcome, PeerHint } from './input.ts'
import { onLinked } from './relays.ts'
import { RINGS } from './rings.ts'
import { arm, disarm, dropLink, emit, newLink, ownRecord } from './state.ts'
import type { Dial, Turn } from './state.ts'
import { accuse } from './suspicion.ts'
import { join, startSync } from './sync.ts'
import { declareDead, keepAddresses } from './verdict.ts'
import { sameTexts } from './version.ts'

/*
 * Who is a neighbour: of a root those before and after it on the rings, and the rest of the committee when it is in it; of
 * a child its parent. A closed connection is a reason to dial again, never a verdict; only dials that are refused to the
 * end of the grace are one. By rule the lower peer id of a pair dials, since two dials at once leave two connections.
 */

/** Roots that dial dead ones at the normal pace; in a larger mesh each does so as much more rarely. */
const lostDialers = 32

/** Takes in addresses told from outside. */
export function addPeers(turn: Turn, peers: readonly PeerHint[]): void {
  const { state, now } = turn
  const own = ownRecord(state)
  for (const { peerId, addrs, eager } of peers) {
    if (peerId === own.parent) state.parentAddrs = addrs
    if (peerId === own.peerId || state.links.has(peerId) || addrs.length === 0) continue
    const dial = state.dials.get(peerId)
    if (dial !== undefined) {
      if (dial.inc === undefined) moveTo(dial, addrs, undefined, now)
      continue
    }
    if (state.registry.get(peerId) !== undefined && own.parent === undefined) continue
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
  onLinked(turn, peerId)
  onClaimLink(turn, peerId)
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

/** Starts the dials that are due, a few at a time, and sets the timer for the next. */
export function planDials(turn: Turn): void {
  const { state, now, rng } = turn
  if (state.leaving) return
  for (const dial of state.dials.values()) {
    if (dial.deadline === undefined || now < dial.deadline) continue
    dial.deadline = undefined
    onFailed(turn, dial, rng())
  }
  let busy = 0
  for (const { deadline, urgent } of state.dials.values()) if (deadline !== undefined && !urgent) busy++
  const enough = !state.joined && state.links.size >= state.limits.joinLinks
  let next = Infinity
  for (const dial of state.dials.values()) {
    // the rest of the addresses told from outside waits until it is known whether they are needed
    const held = enough && dial.inc === undefined
    if (dial.deadline === undefined && now >= dial.nextAt && !held && (dial.urgent || busy < state.limits.dials)) {
      if (!dial.urgent) busy++
      dial.deadline = now + state.profile.dialTimeout * 2
      turn.effects.push({ type: 'dial', peerId: dial.peerId, addrs: dial.addrs, within: state.profile.dialTimeout })
    }
    // one that is due and has to wait goes on when another ends
    next = Math.min(next, dial.deadline ?? (dial.nextAt > now ? dial.nextAt : Infinity))
  }
  next = Math.min(next, dialLost(turn), trim(turn))
  if (next === Infinity) disarm(turn, 'links')
  else arm(turn, 'links', next)
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

/** The roots that this one needs a link to. */
function wantedLinks(turn: Turn): Set<string> {
  const { state } = turn
  const own = ownRecord(state)
  const { rings, relays } = state.liveness
  const wanted = new Set(rings.neighbours(() => state.registry.roots()))
  for (const peerId of electorsToLink(state)) wanted.add(peerId)
  for (const peerId of claimLinks(turn)) wanted.add(peerId)
  wanted.delete(own.peerId)
  for (const { target, sent } of relays.values()) if (!sent) wanted.add(target)
  return wanted
}

/** Dials some of those that were declared dead; when to do so again. */
function dialLost(turn: Turn): number {
  const { state, now, rng } = turn
  const { lost, limits, profile } = state
  if (lost.size === 0) {
    state.lostAt = Infinity
    return Infinity
  }
  // the rest of a large mesh dials as well, and one contact is enough
  const pause = profile.lostRetry * Math.max(1, state.liveness.rings.others / lostDialers) * (0.5 + rng())
  if (state.lostAt === Infinity) state.lostAt = now + pause
  if (now < state.lostAt) return state.lostAt
  state.lostAt = now + pause
  const from = Math.floor(rng() * lost.size)
  // not all healed halves should begin with the same few
  const chosen = [...lost.keys()]
  for (let index = 0; index < Math.min(limits.lostDials, chosen.length); index++) {
    const peerId = chosen[(from + index) % chosen.length] ?? ''
    const { addrs, until } = lost.get(peerId) ?? { addrs: [], until: 0 }
    if (now >= until) lost.delete(peerId)
    else if (!state.links.has(peerId) && !state.dials.has(peerId))
      turn.effects.push({ type: 'dial', peerId, addrs, within: profile.dialTimeout })
  }
  return state.lostAt
}

/** Gives up links that nobody has needed for a while; when to look again. */
function trim(turn: Turn): number {
  const { state, now } = turn
  const own = ownRecord(state)
  if (own.parent !== undefined || !state.joined || state.links.size === 0) return Infinity
  if (now < state.trimAt) return state.trimAt
  const pause = state.profile.linger / 2
  state.trimAt = now + pause
  const wanted = wantedLinks(turn)
  for (const [peerId, link] of state.links) {
    if (wanted.has(peerId) || state.registry.kept(peerId)?.record.parent !== undefined) link.idleSince = undefined
    else if (link.idleSince === undefined) link.idleSince = now
    else if (now - link.idleSince >= pause) dropLink(turn, peerId)
  }
  return state.trimAt
}

/**
 * In a large mesh everybody hears at once of a root that appears in the rendezvous, and one dial is enough: they wait
 * for each other.
 */
function spread({ state, rng }: Turn, eager: boolean | undefined): number {
  const { others } = state.liveness.rings
  return eager === true || !state.joined || others <= RINGS ? 0 : rng() * others * state.profile.batch
}

/** `first`: the other one does not know that a link is wanted. */
function wantRoot(turn: Turn, { peerId, addrs, inc }: ActorRecord, first: boolean): void {
  const { state, now } = turn
  if (addrs.length === 0) return
  const dial = state.dials.get(peerId)
  if (dial === undefined) {
    addDial(
      turn,
      peerId,
      addrs,
      inc,
      first || ownRecord(state).peerId < peerId ? now : now + state.profile.dialFallback,
    )
  } else if (dial.inc !== inc || !sameTexts(dial.addrs, addrs)) moveTo(dial, addrs, inc, now)
}

function onRefused(turn: Turn, dial: Dial): void {
  const { state, now, rng } = turn
  const own = ownRecord(state)
  if (dial.peerId === own.parent) {
    // the parent's end takes this process down by other means
    onFailed(turn, dial, rng())
    return
  }
  if (dial.inc === undefined) {
    dropSeed(turn, dial, 'refused')
    return
  }
  dial.refusals++
  dial.urgent ||= dial.verify
  dial.nextAt = now + state.profile.grace / state.limits.refusals
  if (dial.refusals < state.limits.refusals) return
  state.dials.delete(dial.peerId)
  onClaimantRefused(turn, dial.peerId)
  const record = state.registry.get(dial.peerId)
  if (record !== undefined) declareDead(turn, record)
}

function onFailed(turn: Turn, dial: Dial, chance: number): void {
  const { state, now } = turn
  if (dial.verify) {
    const record = state.registry.get(dial.peerId)
    dial.verify = false
    if (record !== undefined) accuse(turn, record)
    // whoever needs no link to it leaves the rest to those that do
    turn.review = true
  }
  dial.urgent = false
  dial.refusals = 0
  dial.failures++
  if (dial.inc === undefined && dial.peerId !== ownRecord(state).parent && dial.failures >= state.limits.seedTries) {
    dropSeed(turn, dial, 'failed')
    return
  }
  const { min, max } = state.profile.dialBackoff
  dial.nextAt = now + Math.min(max, min * 2 ** (dial.failures - 1)) * (0.5 + chance / 2)
}

function dropSeed(turn: Turn, { peerId, addrs }: Dial, outcome: 'refused' | 'failed'): void {
  const { state } = turn
  state.dials.delete(peerId)
  // perhaps behind a cut, not gone: two that cannot meet when they start would never meet
  if (outcome === 'failed') keepAddresses(turn, { peerId, addrs })
  emit(turn, { type: 'seedLost', peerId, outcome })
  // nobody left to wait for
  const root = ownRecord(state).parent === undefined
  if (root && !state.joined && state.dials.size === 0 && state.links.size === 0) join(turn, true)
}

function addDial(turn: Turn, peerId: string, addrs: readonly string[], inc: number | undefined, nextAt: number): Dial {
  const dial: Dial = {
    peerId,
    addrs,
    inc,
    nextAt,
    deadline: undefined,
    urgent: false,
    refusals: 0,
    failures: 0,
    outdated: false,
    verify: false,
  }
  turn.state.dials.set(peerId, dial)
  return dial
}

function moveTo(dial: Dial, addrs: readonly string[], inc: number | undefined, now: number): void {
  const same = sameTexts(dial.addrs, addrs)
  // a new life has not refused anything yet
  if (dial.inc !== inc) dial.refusals = 0
  dial.addrs = addrs
  dial.inc = inc
  if (same) return
  dial.refusals = 0
  dial.failures = 0
  if (dial.deadline === undefined) dial.nextAt = Math.min(dial.nextAt, now)
  else dial.outdated = true
}

function seedsOf({ state }: Turn): number {
  let seeds = 0
  for (const { inc } of state.dials.values()) if (inc === undefined) seeds++
  return seeds
}
