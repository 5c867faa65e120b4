import type { ActorRecord } from '../record.ts'
import { onClaimantRefused } from './claims.ts'
import { dialLost, keepAddresses } from './lost.ts'
import { childLinks } from './outbox.ts'
import { arm, disarm, emit, ownRecord } from './state.ts'
import type { Dial, Turn } from './state.ts'
import { accuse } from './suspicion.ts'
import { join } from './sync.ts'
import { declareDead } from './verdict.ts'
import { sameTexts } from './version.ts'
import { trimLinks } from './wanted-links.ts'

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
  // its own children know no more than it does
  const enough = !state.joined && state.links.size - childLinks(state).length >= state.limits.joinLinks
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
  next = Math.min(next, dialLost(turn), trimLinks(turn))
  if (next === Infinity) disarm(turn, 'links')
  else arm(turn, 'links', next)
}

/** `first`: the other one does not know that a link is wanted. */
export function wantRoot(turn: Turn, { peerId, addrs, inc }: ActorRecord, first: boolean): void {
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

/** Nobody listens there; refused to the end that is a verdict. */
export function onRefused(turn: Turn, dial: Dial): void {
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

/** It may be there and could not be reached. */
export function onFailed(turn: Turn, dial: Dial, chance: number): void {
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

/** Puts a dial on the list. */
export function addDial(
  turn: Turn,
  peerId: string,
  addrs: readonly string[],
  inc: number | undefined,
  nextAt: number,
): Dial {
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

/** Dials elsewhere from now on. */
export function moveTo(dial: Dial, addrs: readonly string[], inc: number | undefined, now: number): void {
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
