import { absorb } from './absorb.ts'
import { onBanned } from './banned.ts'
import * as claims from './claims.ts'
import { planDials } from './dials.ts'
import type { Effect } from './effect.ts'
import * as election from './election.ts'
import type { Known } from './fact.ts'
import { noteHeard, noteLag } from './health.ts'
import type { Input, TimerName } from './input.ts'
import { onBooks } from './grants.ts'
import * as links from './links.ts'
import type { Message } from './messages.ts'
import { flush } from './outbox.ts'
import { compare, onBuckets } from './pull.ts'
import { requestNext, sayGoodbye, takeOwn } from './own.ts'
import { onPersistFailed, onPersisted } from './persisted.ts'
import * as probes from './probes.ts'
import { onProbe, onProbeRequest } from './relays.ts'
import { onRoll, onRollCall, recallVotes } from './roll.ts'
import { ownRecord } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { onSuspicionTimer } from './suspicion.ts'
import * as sync from './sync.ts'
import { applyChanges, declareDead } from './verdict.ts'
import { onPreVote, onVote } from './voter.ts'

/**
 * Feeds a core one input and gives what is to be done about it. Changes `state`; the same state, time, random numbers
 * and input always give the same result.
 *
 * `now` is in milliseconds of a clock that never goes back and does not stand still while the process is stopped
 * (`performance.now()`); `rng` gives numbers in [0, 1).
 *
 * @throws TypeError when the first input is not `start`, or a later one is
 * @example
 * ```ts
 * const state = createCore({ profile: profiles.loopback })
 * for (const effect of step(state, performance.now(), Math.random, { type: 'start', own })) perform(effect)
 * ```
 */
export function step(state: CoreState, now: number, rng: () => number, input: Input): Effect[] {
  const turn: Turn = { state, now, rng, effects: [], review: false }
  if (input.type === 'start') {
    if (state.own !== undefined) throw new TypeError("the core has had its 'start' already")
    start(turn, input)
  } else {
    ownRecord(state)
    election.checkLease(turn)
    claims.checkClaims(turn)
    take(turn, input)
  }
  settle(turn)
  return turn.effects
}

function start(
  turn: Turn,
  { own, expectPeers = false, votes, resumed = false }: Extract<Input, { type: 'start' }>,
): void {
  const { state, now } = turn
  // an earlier process of this peer id may have promised a vote or acknowledged a beat, which nobody here remembers
  if (resumed) state.election.awakeAt = now + state.profile.lease
  state.claims.life = own.record.inc
  onOwn(turn, own)
  for (const { peerId } of state.registry.roots()) state.liveness.rings.add(peerId, own.record.peerId)
  if (state.elector !== undefined && state.quorum !== undefined) recallVotes(turn, state.elector, state.quorum, votes)
  sync.onSyncTimer(turn)
  const root = own.record.parent === undefined
  if (root && !expectPeers) {
    sync.join(turn, true)
    return
  }
  if (root) state.joinBy = now + state.profile.joinWait
  sync.awaitJoin(turn)
}

function take(turn: Turn, input: Exclude<Input, { type: 'start' }>): void {
  const { state } = turn
  switch (input.type) {
    case 'own':
      onOwn(turn, input.own)
      return
    case 'changed':
      requestNext(turn)
      return
    case 'peers':
      links.addPeers(turn, input.peers)
      return
    case 'connected':
      links.onConnected(turn, input.peerId)
      return
    case 'subscribed':
      if (state.links.has(input.peerId)) sync.startSync(turn, input.peerId)
      return
    case 'disconnected':
      links.onDisconnected(turn, input.peerId)
      return
    case 'dialled':
      links.onDialled(turn, input.peerId, input.outcome)
      return
    case 'lookupFailed':
      onLookupFailed(turn, input.peerId)
      return
    case 'childExited':
      onChildExited(turn, input.peerId)
      return
    case 'banned':
      onBanned(turn, input.peerIds)
      return
    case 'claim':
      claims.onClaim(turn, input.id, input.name)
      return
    case 'unclaim':
      claims.onUnclaim(turn, input.ids)
      return
    case 'message':
      onMessage(turn, input.from, input.via, input.message)
      return
    case 'timer':
      noteLag(turn, state.timers.get(input.name) ?? turn.now)
      state.timers.delete(input.name)
      timers[input.name](turn)
      return
    case 'persisted':
      onPersisted(turn, input.id)
      return
    case 'persistFailed':
      onPersistFailed(turn, input.id)
      return
    case 'leave':
      leave(turn)
  }
}

const timers: Readonly<Record<TimerName, (turn: Turn) => void>> = {
  batch: flush,
  sync: sync.onSyncTimer,
  join: sync.onJoinTimer,
  links: planDials,
  probe: probes.onProbeTimer,
  suspicion: onSuspicionTimer,
  election: election.onElectionTimer,
  ballot: election.onBallotTimer,
  beat: election.onBeatTimer,
  lease: election.onLeaseTimer,
  claims: claims.onClaimsTimer,
  office: claims.onOfficeTimer,
}

function onMessage(turn: Turn, from: string, via: 'stream' | 'gossip', message: Message): void {
  if (from === ownRecord(turn.state).peerId) return
  noteHeard(turn, from)
  if (message.type === 'facts') {
    if (via === 'stream') election.adopt(turn, message.claim, from)
    else election.adopt(turn, message.claim)
    absorb(turn, from, via, message.facts)
    return
  }
  // everything else is a conversation between neighbours
  if (via === 'gossip' || !turn.state.links.has(from)) return
  switch (message.type) {
    case 'sync':
      sync.onSync(turn, from, message)
      return
    case 'buckets':
      onBuckets(turn, from, message)
      return
    case 'state':
      sync.onState(turn, from, message)
      return
    case 'prevote':
      onPreVote(turn, from, message)
      return
    case 'vote':
      onVote(turn, from, message)
      return
    case 'prevoted':
    case 'voted':
      election.onBallot(turn, from, message)
      return
    case 'beat':
      election.onBeat(turn, from, message)
      return
    case 'beaten':
      election.onBeaten(turn, from, message)
      return
    case 'release':
      election.onRelease(turn, from, message)
      return
    case 'handover':
      election.onHandover(turn, from, message)
      return
    case 'rollcall':
      onRollCall(turn, from, message)
      return
    case 'roll':
      onRoll(turn, from, message)
      return
    case 'probe':
      onProbe(turn, from, message)
      compare(turn, from, message.digest)
      return
    case 'ack':
      probes.onAck(turn, from, message)
      compare(turn, from, message.digest)
      return
    case 'probeRequest':
      onProbeRequest(turn, from, message)
      return
    case 'nack':
      probes.onNack(turn, from, message)
      return
    case 'claims':
      claims.onClaims(turn, from, message)
      return
    case 'granted':
      claims.onGranted(turn, message)
      return
    case 'books':
      onBooks(turn, from, message)
  }
}

function onOwn(turn: Turn, own: Known): void {
  const changes = takeOwn(turn, own)
  if (changes === undefined) return
  applyChanges(turn, changes)
  if (own.record.status === 'left') sayGoodbye(turn, own)
}

/** A parent vouches for its children: it sees their end at once. */
function onChildExited(turn: Turn, peerId: string): void {
  const { state } = turn
  state.exited.add(peerId)
  if (state.exited.size > state.limits.exited) {
    for (const oldest of state.exited) {
      state.exited.delete(oldest)
      break
    }
  }
  claims.onClaimantExited(turn, peerId)
  const known = state.registry.kept(peerId)
  if (known !== undefined) declareDead(turn, known.record)
}

/** The dead do not answer, but neither does whoever is behind a cut: roots are verified, and a parent vouches for the rest. */
function onLookupFailed(turn: Turn, peerId: string): void {
  const { state } = turn
  const record = state.registry.get(peerId)
  const own = ownRecord(state)
  // a neighbour is alive, whatever kept a call from it
  if (record === undefined || state.links.has(peerId) || peerId === own.peerId) return
  if (record.parent !== undefined) declareDead(turn, record)
  else if (own.parent === undefined) links.verify(turn, record)
}

function leave(turn: Turn): void {
  const { state } = turn
  if (state.leaving) return
  state.leaving = true
  turn.review = true
  requestNext(turn, 'left')
}

/** What one change may change elsewhere is looked at once, at the end. */
function settle(turn: Turn): void {
  election.reviewRival(turn)
  // an election that was won or given up at once changes the standing once more
  for (let round = 0; turn.review && round < 4; round++) {
    turn.review = false
    links.reviewLinks(turn)
    probes.reviewProbes(turn)
    election.reviewElection(turn)
  }
  const before = turn.state.arbiter
  election.reviewArbiter(turn)
  const { arbiter } = turn.state
  claims.reviewClaims(turn, arbiter !== null && arbiter !== before)
}
