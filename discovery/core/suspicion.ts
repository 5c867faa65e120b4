import type { ActorRecord } from '../record.ts'
import type { Accusation, End } from './fact.ts'
import { isIsolated, MAX_SUSPICION_STRETCH, stretchOf } from './health.ts'
import type { Suspicion } from './liveness.ts'
import { tell } from './outbox.ts'
import { arm, dropLink, emit, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { declareDead } from './verdict.ts'
import { compareLives } from './version.ts'

/*
 * Between alive and dead (SWIM, Das et al. 2002): who is accused has time to refute it. The more accusers, who all watch
 * it on rings of their own, the less time: Lifeguard's suspicion that decays with the logarithm of their number.
 */

/** Accusers beyond the first that shorten the wait as far as it goes. */
export const CONFIRMATIONS = 3

/** Takes a root for suspect on own evidence, and tells everybody. */
export function accuse(turn: Turn, { peerId, inc, rev }: ActorRecord): void {
  const { state } = turn
  const by = ownRecord(state).peerId
  const known = state.liveness.suspicions.get(peerId)
  if (known?.own === true && compareLives(known, { inc, rev }) === 0) return
  const suspicion = suspect(turn, { peerId, inc, rev }, by, false)
  state.counters.suspicions++
  const fact = { kind: 'suspect', accusation: { peerId, inc, rev, by, age: 0 } } as const
  // nobody waits for more accusers than that
  if (suspicion.accusers.size <= confirmations(state) + 1) tell(turn, 'mesh', fact)
  // who is accused hears of it first, and from everybody that can (Lifeguard's buddy system)
  send(turn, peerId, { type: 'facts', facts: [fact], claim: null })
}

/** Takes in what another root says; whether it is news here. */
export function takeAccusation(turn: Turn, { peerId, inc, rev, by, age }: Accusation): boolean {
  const { state, now } = turn
  const record = state.registry.get(peerId)
  // children leave that to their roots, and whoever is no root accuses nobody
  if (ownRecord(state).parent !== undefined || record === undefined || record.parent !== undefined) return false
  if (compareLives(record, { inc, rev }) !== 0 || by === peerId) return false
  if (!isRoot(state, by)) {
    // of the other side of a partition that heals; what its owner was told need not be told again
    state.liveness.told.set(peerId, { rev, at: now })
    dropQueued(state, peerId)
    return false
  }
  const before = state.liveness.suspicions.get(peerId)
  if (before?.accusers.has(by) === true) return false
  const suspicion = suspect(turn, { peerId, inc, rev }, by, false)
  if (before === undefined) suspicion.since = now - Math.min(age, state.profile.suspicion.min / 2)
  schedule(turn, suspicion)
  return before === undefined
}

/**
 * A verdict that was learnt late, from another registry, counts as a suspicion: its owner may have refuted it long ago,
 * or be on the other side of a partition that has healed. Gives false when it does not concern a living root.
 */
export function suspend(turn: Turn, { peerId, inc, rev, by }: End): boolean {
  const { state, now, rng } = turn
  const record = state.registry.get(peerId)
  if (ownRecord(state).parent !== undefined || record === undefined || record.parent !== undefined) return false
  if (compareLives(record, { inc, rev }) !== 0) return false
  const before = state.liveness.suspicions.get(peerId)
  if (before?.verdict === true) return true
  suspect(turn, { peerId, inc, rev }, by, true)
  // the accused may be nobody's neighbour here; when halves of a mesh meet again, many learn of it at once
  if (wasTold(turn, peerId, rev)) return true
  state.liveness.told.set(peerId, { rev, at: now })
  tell(turn, 'mesh', { kind: 'suspect', accusation: { peerId, inc, rev, by, age: 0 } }, rng() / 2)
  return true
}

/**
 * Declares dead whoever has not refuted in time. Hearsay alone is no verdict: who watches it comes to one, and whoever
 * only heard of the suspicion forgets it. (As long as everybody passed verdicts, one that had missed a refutation called
 * the living dead: found by the simulator.)
 */
export function onSuspicionTimer(turn: Turn): void {
  const { state, now } = turn
  giveUpAllWhenDeaf(turn)
  const watched = state.liveness.rings.successors(() => state.registry.roots())
  let next = Infinity
  for (const suspicion of state.liveness.suspicions.values()) {
    if (now < suspicion.deadline) {
      next = Math.min(next, suspicion.deadline)
      continue
    }
    state.liveness.suspicions.delete(suspicion.peerId)
    const record = state.registry.get(suspicion.peerId)
    if (record === undefined || compareLives(record, suspicion) !== 0) continue
    if (!suspicion.verdict && !(suspicion.own && watched.includes(suspicion.peerId))) continue
    declareDead(turn, record)
    // a promise to it binds nobody any more, and a connection that carries nothing helps nobody
    dropLink(turn, suspicion.peerId)
  }
  if (next < Infinity) arm(turn, 'suspicion', next)
}

/**
 * An actor that hears nothing at all gives everybody up at one moment: one after the other would take it as long as the
 * mesh is large. Its children hear of it and nobody else, since it may be that it is only deaf.
 */
export function giveUpAllWhenDeaf(turn: Turn): void {
  if (!isIsolated(turn)) return
  const { state } = turn
  const self = ownRecord(state).peerId
  for (const root of Array.from(state.registry.roots())) {
    if (root.peerId === self) continue
    declareDead(turn, root, 'children')
    dropLink(turn, root.peerId)
  }
}

function suspect(turn: Turn, accused: Omit<Accusation, 'by' | 'age'>, by: string, verdict: boolean): Suspicion {
  const { state, now, rng } = turn
  const { suspicions } = state.liveness
  const own = by === ownRecord(state).peerId
  const before = suspicions.get(accused.peerId)
  const { batch } = state.profile
  const suspicion: Suspicion = {
    ...accused,
    accusers: before?.accusers ?? new Set(),
    since: before?.since ?? now,
    own: own || before?.own === true,
    verdict: verdict || before?.verdict === true,
    stretch: before?.stretch ?? Math.min(stretchOf(state), MAX_SUSPICION_STRETCH),
    patience: verdict ? batch * (2 + 2 * rng()) : 0,
    deadline: Infinity,
  }
  if ((own || suspicion.accusers.size <= CONFIRMATIONS) && !suspicion.accusers.has(by)) {
    suspicion.accusers.add(by)
    emit(turn, { type: 'suspected', peerId: accused.peerId, by })
  }
  suspicions.set(accused.peerId, suspicion)
  schedule(turn, suspicion)
  return suspicion
}

function schedule(turn: Turn, suspicion: Suspicion): void {
  const { state } = turn
  suspicion.deadline = suspicion.since + waitFor(state, suspicion)
  if ((state.timers.get('suspicion') ?? Infinity) > suspicion.deadline) arm(turn, 'suspicion', suspicion.deadline)
}

function waitFor(state: CoreState, { accusers, verdict, stretch, patience }: Suspicion): number {
  const { min, max } = state.profile.suspicion
  const expected = confirmations(state)
  const confirmed = Math.min(accusers.size - 1, expected)
  const share = verdict || expected === 0 ? 1 : Math.log(confirmed + 1) / Math.log(expected + 1)
  return (max - (max - min) * share) * stretch + patience
}

/** How many may confirm a suspicion: everybody but the accuser, the accused and one that may be in trouble itself. */
function confirmations({ liveness }: CoreState): number {
  return Math.max(0, Math.min(CONFIRMATIONS, liveness.rings.others - 2))
}

function dropQueued(state: CoreState, peerId: string): void {
  const { mesh } = state.outbox
  const key = `suspect ${peerId}`
  const queued = mesh.get(key)
  if (queued?.kind === 'suspect' && queued.accusation.by !== ownRecord(state).peerId) mesh.delete(key)
}

function wasTold({ state, now }: Turn, peerId: string, rev: number): boolean {
  const told = state.liveness.told.get(peerId)
  return told !== undefined && told.rev >= rev && now - told.at < state.profile.suspicion.min / 2
}

/** Whether this is a root that is alive: nobody else accuses. */
function isRoot({ registry }: CoreState, peerId: string): boolean {
  const record = registry.get(peerId)
  return record !== undefined && record.parent === undefined
}
