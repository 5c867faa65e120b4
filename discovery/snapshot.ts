import { inspect } from 'node:util'
import { type ActorRef, InvalidArgument } from '../node/errors.ts'
import { infoOf } from './actor-info.ts'
import { committeeOf, holderOf } from './core/electorate.ts'
import type { Digest } from './core/fact.ts'
import type { CoreState } from './core/state.ts'
import { compareAge, compareTexts, type Seniority } from './core/version.ts'
import { currentDiscovery } from './discovery.ts'
import type { Refusals } from './intake.ts'
import type { ProfileName } from './profile.ts'
import type { ActorRecord } from './record.ts'

/** Members of one page of a snapshot, unless told otherwise. */
export const SNAPSHOT_MEMBERS = 1_000
/** Members of one page of a snapshot, links and dials each, at most. */
export const MAX_SNAPSHOT_ENTRIES = 10_000

export interface SnapshotOptions {
  /** Members to tell of, 0 to 10,000; default 1,000. */
  readonly limit?: number
  /** Those that come after a former page: its `next`. */
  readonly after?: string
}

/**
 * What one actor knows of its mesh at one moment. Plain data that travels and can be kept as JSON: what is not there is
 * null, and fields are added, never taken away.
 */
export interface DiscoverySnapshot {
  /** When this was read: milliseconds since 1970. */
  readonly at: number
  readonly mesh: string
  readonly profile: ProfileName
  readonly self: SelfSnapshot
  /** The arbiter as far as this actor knows. */
  readonly arbiter: ArbiterSnapshot | null
  /** The highest term that was heard of. */
  readonly term: number
  /** Who elects the arbiter: peer ids of the oldest live roots, or the names of declared electors. */
  readonly committee: readonly string[]
  /** Stands for all visible actors and their versions: two actors that know the same have the same. */
  readonly digest: string
  readonly counts: {
    /** Live actors that are known, this one included. */
    readonly actors: number
    readonly roots: number
    /** Records below an actor that is gone, kept in case that it was accused wrongly. */
    readonly hidden: number
    /** Ends that are remembered, so that old records do not come back. */
    readonly ended: number
    /** Neighbours whose discovery stream is up. */
    readonly links: number
    /** Actors that should be neighbours and are not. */
    readonly dials: number
    /** Roots that were declared dead and are dialled now and then. */
    readonly lost: number
  }
  /** A page of the live actors, the oldest first. */
  readonly members: readonly MemberSnapshot[]
  /** `after` of the next page; null when this is the last one. */
  readonly next: string | null
  /** The neighbours, by peer id, at most 10,000. */
  readonly links: readonly ActorRef[]
  /** By peer id, at most 10,000. */
  readonly dials: readonly DialSnapshot[]
  /** What was counted since the actor started, by name: elections, verdicts, refutations, syncs… */
  readonly counters: Readonly<Record<string, number>>
}

/** The actor that a snapshot is of. */
export interface SelfSnapshot extends ActorRef {
  readonly root: string
  /** Peer id of the actor that started it; null for a root. */
  readonly parent: string | null
  readonly incarnation: number
  /** Whether it has heard who else is there. */
  readonly joined: boolean
  readonly leaving: boolean
}

export interface ArbiterSnapshot extends ActorRef {
  readonly term: number
  readonly incarnation: number
  /** Whether it is the actor that the snapshot is of. */
  readonly self: boolean
}

/** A live actor as another one knows it. */
export interface MemberSnapshot extends ActorRef {
  /** `leaving` answers calls and is not found any more. */
  readonly status: 'up' | 'leaving'
  readonly root: string
  readonly parent: string | null
  /** When it booted, in milliseconds since 1970 by its machine's clock: the age that orders actors. */
  readonly incarnation: number
  /** How often it refuted that it is dead, in this incarnation. */
  readonly refutations: number
  /** How often what it says of itself has changed. */
  readonly changes: number
  readonly addresses: readonly string[]
  readonly modules: readonly string[]
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly version: string | null
  /** Whether it is a neighbour of the actor that the snapshot is of. */
  readonly linked: boolean
}

/** An actor that should be a neighbour and is not. */
export interface DialSnapshot extends ActorRef {
  /** Milliseconds until it is dialled again; 0 while that is under way. */
  readonly inMs: number
  readonly refusals: number
  readonly failures: number
}

/**
 * What this actor knows of its mesh: members, arbiter, neighbours, counters.
 *
 * A page of 1,000 members of 10,000 takes some milliseconds. A mesh that changes meanwhile gives pages of different
 * moments: each actor that was there all the time is in exactly one of them.
 *
 * @throws InvalidArgument when an option cannot be used
 * @throws GreenroomError `NO_ACTOR` when this process is no actor
 * @example
 * ```ts
 * const { members, arbiter } = discovery.snapshot()
 * for (const { name, tags } of members) console.log(name, tags.join(' '))
 * console.log(arbiter?.name ?? 'nobody rules')
 * ```
 */
export function snapshot({ limit = SNAPSHOT_MEMBERS, after }: SnapshotOptions = {}): DiscoverySnapshot {
  if (!(Number.isInteger(limit) && limit >= 0 && limit <= MAX_SNAPSHOT_ENTRIES))
    throw new InvalidArgument(`limit is a whole number from 0 to ${MAX_SNAPSHOT_ENTRIES}, got ${inspect(limit)}`)
  const { state, mesh, self, refusals } = currentDiscovery()
  const moment = { now: performance.now(), at: Date.now() }
  return readSnapshot(state, { mesh, self, ...moment, limit, after: readCursor(after), refusals })
}

export interface SnapshotRequest {
  readonly mesh: string
  readonly self: ActorRef
  /** Of the core's clock. */
  readonly now: number
  readonly at: number
  readonly limit: number
  readonly after: Seniority | undefined
  readonly refusals?: Refusals
}

/** Reads a core's state. */
export function readSnapshot(state: CoreState, request: SnapshotRequest): DiscoverySnapshot {
  const { mesh, self, now, at, limit, after, refusals } = request
  const { registry, own, links, dials, lost, arbiter, election, counters } = state
  const { count } = registry.digest
  const page = oldest(registry.actors(), limit, after)
  const last = page.records.at(-1)
  const nameOf = (id: string): string => registry.kept(id)?.record.name ?? ''
  return {
    at,
    mesh,
    profile: state.profile.name,
    self: {
      name: self.name,
      id: self.id,
      root: own?.record.root ?? self.id,
      parent: own?.record.parent ?? null,
      incarnation: own?.record.inc ?? 0,
      joined: state.joined,
      leaving: state.leaving,
    },
    arbiter: arbiter && {
      name: nameOf(arbiter.peerId),
      id: arbiter.peerId,
      term: arbiter.term,
      incarnation: arbiter.inc,
      self: arbiter.peerId === self.id,
    },
    term: election.term,
    committee: committeeOf(state).flatMap((seat) => holderOf(state, seat) ?? []),
    digest: showDigest(registry.digest),
    counts: {
      actors: count,
      roots: countOf(registry.roots()),
      hidden: registry.size - count,
      ended: registry.ended,
      links: links.size,
      dials: dials.size,
      lost: lost.size,
    },
    members: page.records.map((record) => memberOf(record, links)),
    next: page.more && last !== undefined ? showCursor(last) : null,
    links: firstKeys(links).map((id) => ({ name: nameOf(id), id })),
    dials: firstKeys(dials).map((id) => {
      const { nextAt, deadline, refusals, failures } = dials.get(id)!
      const inMs = deadline === undefined ? Math.max(0, Math.round(nextAt - now)) : 0
      return { name: nameOf(id), id, inMs, refusals, failures }
    }),
    counters: { ...counters, ...refusals },
  }
}

function memberOf(record: ActorRecord, links: CoreState['links']): MemberSnapshot {
  const { name, id, addresses, modules, tags, groups, version, parent, root } = infoOf(record)
  const { inc, rev, seq, status } = record
  return {
    name,
    id,
    status: status === 'leaving' ? 'leaving' : 'up',
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

function countOf(items: Iterable<unknown>): number {
  let count = 0
  for (const _ of items) count++
  return count
}

function showDigest({ count, sums }: Digest): string {
  return [count, ...sums].map((number) => number.toString(16)).join('-')
}

function showCursor({ inc, peerId }: Seniority): string {
  return `${inc}.${peerId}`
}

function readCursor(after: string | undefined): Seniority | undefined {
  if (after === undefined) return undefined
  const [, inc, peerId] = (typeof after === 'string' ? /^(\d{1,16})\.(.{1,128})$/.exec(after) : null) ?? []
  if (inc === undefined || peerId === undefined)
    throw new InvalidArgument(`after is the 'next' of a former snapshot, got ${inspect(after).slice(0, 64)}`)
  return { inc: Number(inc), peerId }
}
