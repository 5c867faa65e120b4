import type { Digest } from './fact.ts'
import type { Ack, Probe, ProbeRequest } from './probe-messages.ts'
import { endOf } from './tombstones.ts'
import { arm, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'

/*
 * The helping side of the failure detector: answers probes, and probes for neighbours. A request costs at most one dial of
 * a root that is known anyway, and few are under way for one neighbour, so that it cannot be made to flood anybody.
 */

/** Answers a probe. */
export function onProbe(turn: Turn, from: string, { seq }: Probe): void {
  const { state, now } = turn
  send(turn, from, { type: 'ack', seq, digest: digestOf(state) })
  const suspicion = state.liveness.suspicions.get(from)
  // whoever is suspected or was called dead, and asks, has to hear of it
  if (suspicion !== undefined) {
    const { peerId, inc, rev } = suspicion
    const accusation = { peerId, inc, rev, by: ownRecord(state).peerId, age: 0 }
    send(turn, from, { type: 'facts', facts: [{ kind: 'suspect', accusation }], claim: null })
  }
  const tombstone = state.registry.tombstone(from)
  if (tombstone !== undefined && state.registry.kept(from) === undefined)
    send(turn, from, { type: 'facts', facts: [{ kind: 'end', end: endOf(tombstone, now) }], claim: null })
}

/** Probes another root for a neighbour that gets no answer from it. */
export function onProbeRequest(turn: Turn, from: string, { seq, target }: ProbeRequest): void {
  const { state, now } = turn
  const { relays } = state.liveness
  if (target === ownRecord(state).peerId) {
    send(turn, from, { type: 'ack', seq, digest: digestOf(state) })
    return
  }
  if (!isRoot(state, from)) return
  let each = 0
  for (const relay of relays.values()) if (relay.from === from) each++
  if (!isRoot(state, target) || each >= state.limits.relaysEach || relays.size >= state.limits.relays) {
    send(turn, from, { type: 'nack', seq })
    return
  }
  const own = ++state.liveness.seq
  // the asker must get the nack within its own wait
  const until = now + state.profile.probe.indirect * 0.8
  const relay = { from, seq, target, until, sent: false, done: false }
  relays.set(own, relay)
  if (state.links.has(target)) {
    relay.sent = true
    send(turn, target, { type: 'probe', seq: own, digest: digestOf(state) })
  } else turn.review = true
  if ((state.timers.get('probe') ?? Infinity) > until) arm(turn, 'probe', until)
}

/** Sends what waited for a link. */
export function onLinked(turn: Turn, peerId: string): void {
  const { state } = turn
  for (const [seq, relay] of state.liveness.relays) {
    if (relay.target !== peerId || relay.sent) continue
    relay.sent = true
    send(turn, peerId, { type: 'probe', seq, digest: digestOf(state) })
  }
}

/** Passes on the answer to a probe that was made for a neighbour; false when it was not. */
export function relayAck(turn: Turn, from: string, { seq }: Ack): boolean {
  const { state } = turn
  const relay = state.liveness.relays.get(seq)
  if (relay === undefined || relay.target !== from) return false
  // it stays until its time is over: that bounds how many are made in it
  if (!relay.done) send(turn, relay.from, { type: 'ack', seq: relay.seq, digest: digestOf(state) })
  relay.done = true
  return true
}

/** Tells those whose target did not answer, and forgets what is over. */
export function endRelays(turn: Turn): number {
  const { state, now } = turn
  const { relays } = state.liveness
  let next = Infinity
  for (const [seq, relay] of relays) {
    if (now < relay.until) {
      next = Math.min(next, relay.until)
      continue
    }
    relays.delete(seq)
    if (!relay.done) send(turn, relay.from, { type: 'nack', seq: relay.seq })
  }
  return next
}

function digestOf({ registry }: CoreState): Digest {
  return registry.digest
}

function isRoot({ registry }: CoreState, peerId: string): boolean {
  const record = registry.get(peerId)
  return record !== undefined && record.parent === undefined
}
