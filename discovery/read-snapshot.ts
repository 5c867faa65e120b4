import type { ActorRef } from '../node/errors.ts'
import { infoOf } from './actor-info.ts'
import { committeeOf, isMember } from './core/electorate.ts'
import type { Digest } from './core/fact.ts'
import { stretchOf } from './core/health.ts'
import type { CoreState } from './core/state.ts'
import { compareAge, compareTexts, type Seniority } from './core/version.ts'
import type { ActorRecord } from './record.ts'
import type { ReignSnapshot } from './reigns.ts'
import {
  type ArbiterSnapshot,
  type ClaimSnapshot,
  type DialSnapshot,
  type DiscoverySnapshot,
  type ElectionSnapshot,
  type EndedSnapshot,
  MAX_SNAPSHOT_ENTRIES,
  type MemberSnapshot,
  type SelfSnapshot,
  SNAPSHOT_ENDED,
  type SuspicionSnapshot,
} from './snapshot.ts'

export interface SnapshotRequest {
  readonly mesh: string
  readonly self: ActorRef
  /** Of the core's clock. */
  readonly now: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly limit: number
  readonly after: Seniority | undefined
  readonly reigns?: readonly ReignSnapshot[]
  /** What was counted outside of the core. */
  readonly counters?: Readonly<Record<string, number>>
}

/** Reads a core's state. */
export function readSnapshot(state: CoreState, request: SnapshotRequest): DiscoverySnapshot {
  const { mesh, self, now, at, limit, after } = request
  const { registry, links, dials, lost, liveness } = state
  const { count } = registry.digest
  const page = oldest(registry.actors(), limit, after)
  const last = page.records.at(-1)
  const refOf = (id: string): ActorRef => ({ name: registry.kept(id)?.record.name ?? '', id })
  return {
    at,
    mesh,
    profile: state.profile.name,
    self: selfOf(state, self),
    arbiter: arbiterOf(state, self, refOf),
    election: electionOf(state),
    reigns: request.reigns ?? [],
    digest: showDigest(registry.digest),
    counts: {
      actors: count,
      roots: registry.rootCount,
      hidden: registry.size - count,
      ended: registry.ended,
      suspects: liveness.suspicions.size,
      links: links.size,
      dials: dials.size,
      lost: lost.size,
    },
    members: page.records.map((record) => memberOf(record, state)),
    next: page.more && last !== undefined ? showCursor(last) : null,
    suspicions: firstKeys(liveness.suspicions).map((id) => suspicionOf(state, id, now, refOf)),
    ended: endedOf(state, now, refOf),
    links: firstKeys(links).map(refOf),
    dials: firstKeys(dials).map((id) => dialOf(state, id, now, refOf)),
    claims: claimsOf(state, refOf),
    counters: { ...state.counters, ...request.counters },
  }
}

type RefOf = (id: string) => ActorRef

function selfOf(state: CoreState, { name, id }: ActorRef): SelfSnapshot {
  const { own, joined, leaving, liveness } = state
  return {
    name,
    id,
    root: own?.record.root ?? id,
    parent: own?.record.parent ?? null,
    incarnation: own?.record.inc ?? 0,
    joined,
    leaving,
    stretch: stretchOf(state),
    heard: Math.round(liveness.health.heard * 1_000) / 1_000,
  }
}

function arbiterOf({ arbiter, provisional }: CoreState, self: ActorRef, refOf: RefOf): ArbiterSnapshot | null {
  if (arbiter === null) return null
  const { peerId, term, inc } = arbiter
  return { ...refOf(peerId), term, incarnation: inc, self: peerId === self.id, provisional }
}

function electionOf(state: CoreState): ElectionSnapshot {
  const { election, quorum, own } = state
  const committee = own === undefined ? [] : committeeOf(state)
  const isElector = own !== undefined && own.record.parent === undefined && isMember(state, committee)
  const present = election.candidacy === undefined ? (isElector ? 'elector' : 'none') : 'candidate'
  return {
    mode: quorum === undefined ? 'elastic' : 'quorum',
    term: election.term,
    committee: [...committee],
    role: election.reign === undefined ? present : 'arbiter',
  }
}

function memberOf(record: ActorRecord, { links, liveness }: CoreState): MemberSnapshot {
  const { name, id, addresses, modules, tags, groups, version, parent, root } = infoOf(record)
  const { inc, rev, seq, status } = record
  const alive = status === 'leaving' ? 'leaving' : 'up'
  return {
    name,
    id,
    status: liveness.suspicions.has(id) ? 'suspect' : alive,
    root,
    parent: parent ?? null,
    incarnation: inc,
    refutations: rev,
    changes: seq,
    addresses,
    modules,
    tags,
    groups,
    version: version ?? null,
    linked: links.has(id),
  }
}

function suspicionOf({ liveness }: CoreState, id: string, now: number, refOf: RefOf): SuspicionSnapshot {
  const { accusers, since, deadline } = liveness.suspicions.get(id)!
  return {
    accused: refOf(id),
    by: [...accusers].sort(compareTexts).map(refOf),
    forMs: inTheFuture(now, since),
    inMs: inTheFuture(deadline, now),
  }
}

function endedOf({ registry }: CoreState, now: number, refOf: RefOf): EndedSnapshot[] {
  const latest = [...registry.ends()].slice(-SNAPSHOT_ENDED).reverse()
  return latest.map(({ peerId, inc, state, by, at }) => ({
    id: peerId,
    incarnation: inc,
    how: state,
    by: refOf(by),
    agoMs: inTheFuture(now, at),
  }))
}

function dialOf({ dials }: CoreState, id: string, now: number, refOf: RefOf): DialSnapshot {
  const { nextAt, deadline, refusals, failures } = dials.get(id)!
  return { ...refOf(id), inMs: deadline === undefined ? inTheFuture(nextAt, now) : 0, refusals, failures }
}

function claimsOf({ claims }: CoreState, refOf: RefOf): ClaimSnapshot[] {
  return [...claims.own.values()].map(({ name, fence, holder }) => ({
    name,
    held: fence === undefined ? null : { term: fence.term, serial: fence.serial },
    holder: typeof holder === 'string' ? refOf(holder) : null,
  }))
}

/** The oldest that come after one, without putting all of a large mesh in order. */
function oldest(
  actors: Iterable<ActorRecord>,
  limit: number,
  after: Seniority | undefined,
): { readonly records: readonly ActorRecord[]; readonly more: boolean } {
  const kept: ActorRecord[] = []
  let worst: ActorRecord | undefined
  const cut = (): void => {
    kept.sort(compareAge).splice(limit + 1)
    worst = kept.at(limit)
  }
  for (const record of actors) {
    if (after !== undefined && compareAge(record, after) <= 0) continue
    if (worst !== undefined && compareAge(record, worst) >= 0) continue
    kept.push(record)
    if (kept.length > 2 * (limit + 1)) cut()
  }
  cut()
  return { records: kept.slice(0, limit), more: kept.length > limit }
}

function firstKeys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].sort(compareTexts).slice(0, MAX_SNAPSHOT_ENTRIES)
}

function inTheFuture(later: number, earlier: number): number {
  const ms = Math.max(0, Math.round(later - earlier))
  return Number.isFinite(ms) ? ms : 0
}

function showDigest({ count, sums }: Digest): string {
  return [count, ...sums].map((number) => number.toString(16)).join('-')
}

function showCursor({ inc, peerId }: Seniority): string {
  return `${inc}.${peerId}`
}
