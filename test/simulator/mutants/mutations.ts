import type { PlanOptions } from '../plan.ts'
import type { Mutation } from './load-mutant.ts'
import { heardNobody, seedsGone, sleptOverIt } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'

/** A rule, how to turn it off, and a plan whose seeds notice. */
export interface KnownMutation extends Mutation {
  /** What is run with it; all faults of liveness mode in an elastic mesh when left out. */
  readonly plan?: Omit<PlanOptions, 'seed'>
  /** A run made for this rule, instead of a plan. */
  readonly scenario?: Scenario
  /** The first seed that notices; undefined where the core has changed since, so that a search has to find one anew. */
  readonly seed: number | undefined
}

const quorum = {
  electorate: 'quorum',
  mode: 'safety',
  faults: ['restart', 'massRestart', 'crashArbiter', 'pausedArbiter', 'partition', 'weather', 'manyPauses'],
} as const
const leases = {
  mode: 'safety',
  nodes: 5,
  faults: ['slowPlace', 'slowPlace', 'muteArbiter', 'pausedArbiter'],
} as const
const disks = {
  electorate: 'quorum',
  mode: 'safety',
  nodes: 3,
  faults: ['partition', 'partition', 'diskLost'],
  disturbed: 90_000,
} as const

/**
 * Every rule that keeps a promise of discovery, turned off one at a time. A rule that is missing here, or that the
 * simulator does not miss when it is off, is not tested.
 */
export const mutations: readonly KnownMutation[] = [
  // elections
  {
    rule: 'a vote is kept before it is given',
    file: 'voter.ts',
    find: 'if (elector === undefined || isKept) answer',
    replace: 'if (true) answer',
    plan: quorum,
    seed: 28,
  },
  {
    rule: 'an elector that starts again knows what it voted',
    file: 'roll.ts',
    find: 'const { roll, settled, term, candidate } = votes',
    replace: 'const { roll, settled } = votes; const [term, candidate] = [0, null]',
    plan: quorum,
    seed: 2,
  },
  {
    rule: 'an elector without votes asks all others before it votes',
    file: 'roll.ts',
    find: 'if (!agrees(elector, other, roll)) return',
    replace: '',
    plan: disks,
    seed: 0,
  },
  {
    rule: 'one vote a term',
    file: 'voter.ts',
    find: 'const fresh = again ||',
    replace: 'const fresh = true || again ||',
    plan: {
      mode: 'safety',
      nodes: 5,
      faults: ['weather', 'arbiterLeaves', 'crashArbiter', 'partition', 'slowPlace', 'newRoot'],
    },
    seed: 32,
  },
  {
    rule: 'a promise to one arbiter binds against another',
    file: 'electorate.ts',
    find: 'return turn.now < boundUntil(turn, candidate)',
    replace: 'return boundUntil(turn, candidate) === Infinity',
    seed: 0,
  },
  {
    rule: 'the lease is checked before anything is done',
    file: 'election.ts',
    find: 'return election.reign !== undefined && now < election.reign.leaseUntil',
    replace: 'return election.reign !== undefined',
    seed: 1,
  },
  {
    rule: 'an arbiter whose lease has run out steps down',
    file: 'election.ts',
    find: 'if (reign !== undefined && turn.now >= reign.leaseUntil) stepDown(turn)',
    replace: '',
    seed: 3,
  },
  {
    rule: 'the lease counts from the sending of a beat',
    file: 'reign.ts',
    find: 'reign.acked.set(member, Math.max(sentAt, reign.acked.get(member) ?? sentAt))',
    replace: 'reign.acked.set(member, turn.now)',
    plan: leases,
    seed: 0,
  },
  {
    rule: 'the lease needs a majority that acknowledges (CheckQuorum)',
    file: 'reign.ts',
    find: 'const decisive = times[majority(reign.committee.length) - 1] ?? -Infinity',
    replace: 'const decisive = now',
    seed: 8,
  },
  {
    rule: 'who stands asks first (PreVote)',
    file: 'candidacy.ts',
    find: 'if (granted.size >= needed) {',
    replace: "if (granted.size >= needed || phase === 'asking') {",
    seed: 0,
  },
  {
    rule: 'a lower claim is never accepted',
    file: 'adopt.ts',
    find: 'if (order <= 0) return',
    replace: 'if (order === 0) return',
    seed: 0,
  },
  {
    rule: 'who has not joined takes no part in elections',
    file: 'electorate.ts',
    find: "own.status === 'up' && state.joined && !state.leaving",
    replace: "own.status === 'up' && !state.leaving",
    seed: 0,
  },
  // what is known of others
  {
    rule: 'an accusation is refuted by a higher version',
    file: 'refutation.ts',
    find: 'rev: accusation.rev + 1, seq: own.seq',
    replace: 'rev: own.rev, seq: own.seq',
    seed: 0,
  },
  {
    rule: 'the end of a life is remembered (tombstones)',
    file: 'registry.ts',
    find: 'if (tombstone !== undefined && compareLives(record, tombstone) <= 0) {',
    replace: 'if (tombstone !== undefined && compareLives(record, tombstone) < -1e15) {',
    seed: 0,
  },
  {
    rule: 'of two records the later one is kept',
    file: 'registry.ts',
    find: "if (order < 0) return { outcome: 'older', changes: nothing }",
    replace: '',
    seed: 0,
  },
  {
    rule: 'nobody is shown without its parent',
    file: 'visibility.ts',
    find: 'if (parent === undefined || parent.root !== record.root || parent.inc > record.inc) return false',
    replace: 'if (parent === undefined || parent.root !== record.root) return parent === undefined',
    seed: 1,
  },
  {
    rule: "a root passes its children's news on",
    file: 'absorb.ts',
    find: "if (fromChild && via !== 'gossip') tell(turn, 'mesh', fact)",
    replace: 'if (fromChild) continue',
    plan: { nodes: 6, faults: ['newChild', 'edits'] },
    seed: 2,
  },
  {
    rule: 'a parent hands news down to its children',
    file: 'absorb.ts',
    find: "else if (via !== 'sync') tell(turn, 'children', fact)",
    replace: '',
    plan: { nodes: 16, faults: ['newChild', 'edits'] },
    seed: 0,
  },
  {
    rule: 'who joins waits for its first sync',
    file: 'core.ts',
    find: 'if (root && !expectPeers) {',
    replace: 'if (root) {',
    seed: 2,
  },
  {
    rule: 'registries that differ are repaired (anti-entropy)',
    file: 'pull.ts',
    find: 'if (link === undefined || now < link.pullAt) return false',
    replace: 'if (link === undefined || now < link.pullAt || state.joined) return false',
    seed: 0,
  },
  // who is alive
  {
    rule: 'a verdict that is learnt late counts as a suspicion',
    file: 'absorb.ts',
    find: "const late = via !== 'gossip' && !fromChild",
    replace: 'const late = false',
    plan: { nodes: 6, faults: ['partition', 'bridge', 'oneWay', 'flapping', 'ring'] },
    seed: 1,
  },
  {
    rule: 'a closed connection is a reason to dial, never a verdict',
    file: 'links.ts',
    find: 'addDial(turn, peerId, record.addrs, record.inc, now + headStart).urgent = true',
    replace: 'declareDead(turn, record)',
    seed: 0,
  },
  {
    rule: 'roots are probed',
    file: 'probes.ts',
    find: 'if (now >= liveness.nextProbeAt) probeNext(turn)',
    replace: 'if (now >= liveness.nextProbeAt) liveness.nextProbeAt = now + state.profile.probe.interval',
    plan: { faults: ['powerLoss', 'edits'] },
    seed: 51,
  },
  {
    rule: 'a suspicion comes true in the end',
    file: 'suspicion.ts',
    find: 'if (now < suspicion.deadline) {',
    replace: 'if (now < Infinity) {',
    seed: 0,
  },
  {
    rule: 'a suspect is told with every probe',
    file: 'probes.ts',
    find: 'if (suspicion === undefined) return',
    replace: 'if (suspicion === undefined || turn.now > 0) return',
    seed: 19,
  },
  {
    rule: 'who hears nobody gives all others up at one moment',
    file: 'suspicion.ts',
    find: 'if (!isIsolated(turn)) return',
    replace: 'if (turn.now >= 0) return',
    scenario: heardNobody,
    seed: 0,
  },
  {
    rule: 'who was stopped gives others more time on waking',
    file: 'health.ts',
    find: 'if (lag < timeout / 2) return',
    replace: 'if (lag < Infinity) return',
    scenario: sleptOverIt,
    seed: 0,
  },
  {
    rule: 'the addresses of the dead are kept, and dialled now and then',
    file: 'lost.ts',
    find: 'if (addrs.length === 0) return',
    replace: 'if (addrs.length >= 0) return',
    scenario: seedsGone,
    seed: 0,
  },
  {
    rule: 'the own record is kept while it is hidden from its own actor',
    file: 'sync.ts',
    find: '  keepOwnRecord(turn)\n',
    replace: '',
    plan: { disturbed: 150_000 },
    seed: 31,
  },
  {
    rule: 'links to own children are no reason to wait with the dial of the parent',
    file: 'dials.ts',
    find: 'state.links.size - childLinks(state).length',
    replace: 'state.links.size',
    plan: { nodes: 8, faults: ['newChild', 'manyPauses'] },
    seed: 90,
  },
  {
    rule: 'a parent remembers which of its children have ended',
    file: 'core.ts',
    find: '  state.exited.add(peerId)\n',
    replace: '',
    plan: { nodes: 3, faults: ['briefChild'] },
    seed: 145,
  },
  // elections while the committee changes
  {
    rule: 'a new committee carries the lease when its majority has acknowledged',
    file: 'reign.ts',
    find: 'if (agreed < majority(coming.committee.length)) return',
    replace: '',
    plan: {
      mode: 'safety',
      nodes: 3,
      faults: ['newRoot', 'partition', 'weather', 'leave', 'slowPlace', 'muteArbiter'],
      disturbed: 40_000,
    },
    seed: 288,
  },
  // claims
  {
    rule: 'a new arbiter grants free names after the leases of the one before',
    file: 'grants.ts',
    find: 'const openAt = first || complete ? now : now + claimLease + lease',
    replace: 'const openAt = now',
    plan: { electorate: 'quorum', mode: 'safety', nodes: 5, faults: ['crashArbiter', 'restart', 'pauses'] },
    seed: 16,
  },
  {
    rule: 'a name is free when the lease of its silent holder is over',
    file: 'grants.ts',
    find: 'return heardAt + profile.claimLease + profile.lease / 3',
    replace: 'return heardAt + profile.claimLease / 2',
    seed: 1,
  },
  {
    rule: 'a holder believes no longer than its lease',
    file: 'claims.ts',
    find: 'if (claims.own.size === 0 || turn.now < claimsUntil(turn.state)) return',
    replace: 'return',
    seed: 1,
  },
  {
    rule: 'a telling of claims that was overtaken by a later one is left out',
    file: 'grants.ts',
    find: 'party === undefined || message.round <= party.round',
    replace: 'party === undefined',
    plan: { mode: 'liveness', faults: ['weather'] },
    seed: 98,
  },
  {
    rule: 'a leaving arbiter hands over who holds what',
    file: 'grants.ts',
    find: 'grants.push({ actor: party.actor, life: party.life, id, name, fence })',
    replace: '',
    plan: { mode: 'safety', faults: ['arbiterLeaves', 'newRoot'] },
    seed: 0,
  },
  {
    rule: 'a leaving arbiter that may not know all holders hands nothing over',
    file: 'grants.ts',
    find: ' || turn.now < office.openAt',
    replace: '',
    plan: { electorate: 'quorum', faults: ['arbiterLeaves', 'crashArbiter', 'manyPauses', 'claim'] },
    seed: 195,
  },
  {
    rule: 'a suspect hears of it as soon as there is a link to it',
    file: 'links.ts',
    find: '  remind(turn, peerId)\n',
    replace: '',
    seed: 1160,
  },
]
