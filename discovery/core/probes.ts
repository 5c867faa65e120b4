import { noteAnswer, recover, resetAnswers, stretchOf, worsen } from './health.ts'
import type { ProbeUnderWay } from './liveness.ts'
import type { Ack, Nack } from './probe-messages.ts'
import { refuteLate } from './refutation.ts'
import { endRelays, relayAck } from './relays.ts'
import { arm, disarm, dropLink, ownRecord, send } from './state.ts'
import type { Turn } from './state.ts'
import { accuse, giveUpAllWhenDeaf } from './suspicion.ts'

/*
 * SWIM's probes (Das et al. 2002), not of random members but of the successors on the rings: their links are open
 * anyway, while over libp2p a random target would cost a dial. Who does not answer is asked for by some neighbours; who
 * does not answer them either is accused.
 *
 * Children are not probed. A parent sees the end of its child's process; and a child that is stopped or computes for
 * long is still the parent's, holds what it holds, and goes on later: whether it is to be ended is the nursery's choice.
 */

/** How many intervals a probe waits for an answer that settles nothing any more, but tells how well this actor hears. */
const lateIntervals = 4

/** Begins to probe when there is somebody to probe, and ends when there is nobody. */
export function reviewProbes(turn: Turn): void {
  const { state, now, rng } = turn
  const { liveness } = state
  const targets = targetsOf(turn)
  if (targets.length === 0) {
    if (liveness.nextProbeAt === Infinity) return
    liveness.nextProbeAt = Infinity
    liveness.probes.clear()
    if (resetAnswers(state)) refuteLate(turn)
    if (liveness.relays.size === 0) disarm(turn, 'probe')
    return
  }
  if (liveness.nextProbeAt < Infinity) return
  liveness.nextProbeAt = now + (rng() * state.profile.probe.interval) / targets.length
  if ((state.timers.get('probe') ?? Infinity) > liveness.nextProbeAt) arm(turn, 'probe', liveness.nextProbeAt)
}

/** Probes the next target, and looks at those that should have answered. */
export function onProbeTimer(turn: Turn): void {
  const { state, now } = turn
  const { liveness } = state
  let next = endRelays(turn)
  for (const [seq, probe] of liveness.probes) {
    if (now >= probe.dueAt) goOn(turn, seq, probe)
    next = Math.min(next, probe.dueAt)
  }
  giveUpAllWhenDeaf(turn)
  if (now >= liveness.nextProbeAt) probeNext(turn)
  next = Math.min(next, liveness.nextProbeAt)
  if (next < Infinity) arm(turn, 'probe', Math.max(next, now + 1))
}

/** A probe was answered: by its target, or by a neighbour that reached it. */
export function onAck(turn: Turn, from: string, message: Ack): void {
  const { state } = turn
  if (relayAck(turn, from, message)) return
  const { probes } = state.liveness
  const probe = probes.get(message.seq)
  if (probe === undefined) return
  const link = state.links.get(probe.target)
  if (from === probe.target) {
    probes.delete(message.seq)
    if (link !== undefined) link.deaf = 0
    if (probe.phase !== 'late') {
      state.counters.acks++
      recover(state, 1 / Math.max(1, targetsOf(turn).length))
    }
    if (noteAnswer(turn, true, targetsOf(turn).length)) refuteLate(turn)
  } else if (probe.phase === 'indirect' && probe.helpers.has(from)) {
    state.counters.acks++
    settle(turn, probe)
    // it lives, and this link carries nothing: half of a connection may be gone unnoticed
    if (link === undefined || ++link.deaf < state.limits.deaf) return
    dropLink(turn, probe.target, true)
    turn.review = true
  }
}

/** A neighbour got no answer either: the fault is not on this side. */
export function onNack(turn: Turn, from: string, { seq }: Nack): void {
  turn.state.liveness.probes.get(seq)?.helpers.delete(from)
}

function probeNext(turn: Turn): void {
  const { state, now } = turn
  const { liveness, profile } = state
  const targets = targetsOf(turn)
  const stretch = stretchOf(state)
  const step = (profile.probe.interval * stretch) / targets.length
  // after a pause those that were missed are not made up for
  liveness.nextProbeAt = Math.max(liveness.nextProbeAt + step, now + step / 2)
  const target = targets[liveness.round++ % targets.length]
  if (target === undefined) return
  const linked = state.links.has(target)
  // until a dial has failed it may be that the two have not found each other yet
  if (!linked && (state.dials.get(target)?.failures ?? 0) === 0) return
  const seq = ++liveness.seq
  const probe: ProbeUnderWay = {
    target,
    sentAt: now,
    phase: 'direct',
    dueAt: now + profile.probe.timeout * stretch,
    helpers: new Set(),
    asked: 0,
  }
  liveness.probes.set(seq, probe)
  state.counters.probes++
  if (linked) {
    remind(turn, target)
    send(turn, target, { type: 'probe', seq, digest: state.registry.digest })
  } else goOn(turn, seq, probe)
}

/**
 * Whoever is suspected hears of it with every probe (Lifeguard's buddy system), and as soon as a link is up: the first
 * word may have been lost with the one before.
 */
export function remind(turn: Turn, peerId: string): void {
  const suspicion = turn.state.liveness.suspicions.get(peerId)
  if (suspicion === undefined) return
  const { inc, rev } = suspicion
  const accusation = { peerId, inc, rev, by: ownRecord(turn.state).peerId, age: 0 }
  send(turn, peerId, { type: 'facts', facts: [{ kind: 'suspect', accusation }], claim: null })
}

/** The time of a probe's phase is over. */
function goOn(turn: Turn, seq: number, probe: ProbeUnderWay): void {
  const { state, now } = turn
  const { probes } = state.liveness
  const record = state.registry.get(probe.target)
  if (record === undefined) {
    probes.delete(seq)
  } else if (probe.phase === 'direct') {
    probe.phase = 'indirect'
    probe.dueAt = now + state.profile.probe.indirect * stretchOf(state)
    for (const helper of helpersFor(turn, probe.target)) {
      probe.helpers.add(helper)
      send(turn, helper, { type: 'probeRequest', seq, target: probe.target })
    }
    probe.asked = probe.helpers.size
    // in a mesh of two there is nobody to wait for
    if (probe.asked === 0) goOn(turn, seq, probe)
  } else if (probe.phase === 'indirect') {
    state.counters.missed++
    // with a nack from each there is no doubt that this side is heard
    if (probe.asked > 0) worsen(state, probe.helpers.size / probe.asked)
    settle(turn, probe)
    accuse(turn, record)
  } else {
    probes.delete(seq)
    noteAnswer(turn, false, targetsOf(turn).length)
  }
}

function settle({ state, now }: Turn, probe: ProbeUnderWay): void {
  probe.phase = 'late'
  probe.dueAt = Math.max(now + 1, probe.sentAt + state.profile.probe.interval * lateIntervals)
}

/** Some neighbours that are in no trouble themselves. */
function helpersFor({ state, rng }: Turn, target: string): string[] {
  const { registry, links, liveness, limits } = state
  const able: string[] = []
  for (const peerId of links.keys()) {
    const record = registry.get(peerId)
    if (record === undefined || record.parent !== undefined) continue
    if (peerId !== target && !liveness.suspicions.has(peerId)) able.push(peerId)
  }
  const chosen: string[] = []
  while (able.length > 0 && chosen.length < limits.helpers) {
    chosen.push(...able.splice(Math.floor(rng() * able.length), 1))
  }
  return chosen
}

function targetsOf({ state }: Turn): readonly string[] {
  if (ownRecord(state).parent !== undefined || state.leaving) return []
  return state.liveness.rings.successors(() => state.registry.roots())
}
