import { randomBytes } from 'node:crypto'
import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import type { Identity } from '../node/identity.ts'
import type { TimedSecret } from '../node/mesh-secrets.ts'
import { type Ban, compareBans, MAX_BANS, type SignedBan, signBan } from './ban.ts'
import {
  compareRotations,
  MAX_ANCESTORS,
  MAX_OVERLAP_MS,
  MAX_ROSTER,
  MIN_OVERLAP_MS,
  replaces,
  type Rotation,
  secretIdOf,
  type SignedRotation,
  signRotation,
} from './rotation.ts'

/** Former secrets that still open the door to members that were away. */
export const MAX_FORMER_SECRETS = 3
/** Milliseconds that they do so: a member that was away for longer needs a new invitation. */
export const RENEW_MS: number = 7 * 24 * 3_600_000
/** Members that are remembered after they were seen last, in milliseconds. */
export const KNOWN_MEMBER_MS: number = 30 * 24 * 3_600_000

/** A secret that was replaced. */
export interface FormerSecret {
  readonly secret: Uint8Array
  /** When this machine heard of that: milliseconds since the epoch. */
  readonly replacedAt: number
  /** Until when it opens connections. */
  readonly until: number
}

/** When a root was seen here: milliseconds since the epoch. */
export interface Sighting {
  readonly since: number
  readonly last: number
}

/** What is written down of a ledger. */
export interface LedgerContent {
  readonly secret: Uint8Array
  readonly former: readonly FormerSecret[]
  readonly rotation: SignedRotation | undefined
  readonly bans: readonly SignedBan[]
  /** By peer id; who was seen longest ago first. */
  readonly known: ReadonlyMap<string, Sighting>
}

/** Somebody who tells something, or is to be told. */
export interface Teller {
  readonly id: string
  /** Whether its connection was made with the newest secret. */
  readonly hasNewest: boolean
}

/**
 * Who may be in a mesh: its secret and how that has changed, who is banned, who has been seen. One of each root, without
 * clock and I/O.
 *
 * Bans are a last-writer-wins map with signed entries, so that they may be merged in any order. The secret goes by the
 * highest change of it, which is told to those alone whom whoever changed it had seen before, its roster, or whoever
 * tells it: so nobody gets it who comes later with a former secret and another identity.
 */
export class Ledger {
  readonly mesh: string
  #secret: Uint8Array
  #former: FormerSecret[]
  #rotation: SignedRotation | undefined
  #roster: ReadonlySet<string>
  readonly #bans = new Map<string, SignedBan>()
  readonly #known: Map<string, Sighting>

  constructor(mesh: string, content: LedgerContent) {
    this.mesh = mesh
    this.#secret = content.secret
    this.#former = [...content.former]
    this.#rotation = content.rotation
    this.#roster = new Set(content.rotation?.rotation.roster)
    this.#known = new Map(content.known)
    for (const ban of content.bans) this.#bans.set(ban.ban.peer, ban)
  }

  get content(): LedgerContent {
    return {
      secret: this.#secret,
      former: this.#former,
      rotation: this.#rotation,
      bans: [...this.#bans.values()],
      known: this.#known,
    }
  }

  get newest(): Uint8Array {
    return this.#secret
  }

  get rotation(): SignedRotation | undefined {
    return this.#rotation
  }

  /** Those that open connections, the newest first. */
  get secrets(): TimedSecret[] {
    return [{ secret: this.#secret, until: undefined }, ...this.#former.map(({ secret, until }) => ({ secret, until }))]
  }

  /** Those that open the door, the newest first. */
  doorSecrets(now: number): Uint8Array[] {
    const former = this.#former.filter(({ replacedAt }) => now < replacedAt + RENEW_MS)
    return [this.#secret, ...former.map(({ secret }) => secret)]
  }

  /** Every word about every peer. */
  get words(): SignedBan[] {
    return [...this.#bans.values()]
  }

  /** Who is banned, the last one last. */
  get banned(): Ban[] {
    return this.words.map(({ ban }) => ban).filter(({ banned }) => banned)
  }

  banOf(peer: string): Ban | undefined {
    const ban = this.#bans.get(peer)?.ban
    return ban?.banned === true ? ban : undefined
  }

  /** Keeps in mind that a root is of this mesh. Gives whether that is worth writing down. */
  see(peer: string, now: number): boolean {
    const before = this.#known.get(peer)
    this.#known.delete(peer)
    this.#known.set(peer, { since: before?.since ?? now, last: now })
    for (const [other, { last }] of this.#known) {
      if (this.#known.size <= MAX_ROSTER && now - last < KNOWN_MEMBER_MS) break
      this.#known.delete(other)
    }
    return before === undefined || now - before.last > KNOWN_MEMBER_MS / 30
  }

  /** @throws GreenroomError `TOO_MANY_BANS` */
  ban(
    peer: string,
    name: string,
    banned: boolean,
    why: string,
    by: Ban['by'],
    identity: Identity,
    now: number,
  ): SignedBan {
    const serial = (this.#bans.get(peer)?.ban.serial ?? 0) + 1
    const signed = signBan({ peer, name, banned, serial, at: now, by, why }, this.mesh, identity)
    if (this.mergeBan(signed)) return signed
    throw new GreenroomError(
      'TOO_MANY_BANS',
      `${MAX_BANS} members of mesh '${this.mesh}' are banned: take some back, or change the secret and then take all back`,
    )
  }

  /** Gives whether it is news. */
  mergeBan(signed: SignedBan): boolean {
    const { peer } = signed.ban
    const before = this.#bans.get(peer)
    if (before !== undefined && compareBans(signed, before) <= 0) return false
    if (before === undefined && this.#bans.size >= MAX_BANS && !this.#makeRoom()) return false
    this.#bans.delete(peer)
    this.#bans.set(peer, signed)
    // who is let back in is as new as anybody else
    this.#known.delete(peer)
    return true
  }

  /**
   * Changes the secret.
   *
   * @param present roots that are seen at the moment, this one included
   * @throws InvalidArgument when the overlap is out of bounds
   */
  rotate(overlapMs: number, present: Iterable<string>, by: Ban['by'], identity: Identity, now: number): SignedRotation {
    if (!(Number.isInteger(overlapMs) && overlapMs >= MIN_OVERLAP_MS && overlapMs <= MAX_OVERLAP_MS))
      throw new InvalidArgument(
        `the former secret of a mesh goes on for ${MIN_OVERLAP_MS} to ${MAX_OVERLAP_MS} ms, got ${String(overlapMs)}`,
      )
    for (const peer of present) this.see(peer, now)
    const roster = [...this.#known.keys()].filter((peer) => this.banOf(peer) === undefined).slice(-MAX_ROSTER)
    const rotation = {
      epoch: (this.#rotation?.rotation.epoch ?? 0) + 1,
      at: Math.max(now, (this.#rotation?.rotation.at ?? 0) + 1),
      overlapMs,
      by,
      secret: new Uint8Array(randomBytes(32)),
      ancestors: [secretIdOf(this.#secret), ...this.#former.map(({ secret }) => secretIdOf(secret))].slice(
        0,
        MAX_ANCESTORS,
      ),
      roster,
    }
    const signed = signRotation(rotation, this.mesh, this.#secret, identity)
    this.#adopt(signed, now)
    return signed
  }

  /**
   * Takes a change of the secret over from somebody.
   *
   * `from` has to be a member as far as this one can tell: it knows the newest secret, or it was there when that was made.
   * The change has to be of the secret that is the newest here, or of one that came after that, told by who knows that
   * one; of those that this one has missed it cannot see who made them, and whoever knows its newest secret could change
   * that at once. One that was made elsewhere at the same time, in the place of an earlier one, has to be by somebody who
   * was there then.
   *
   * @param chosen this actor went to `from` of its own accord, to ask for it: it may have missed several changes
   */
  mergeRotation(signed: SignedRotation, from: Teller, now: number, chosen = false): 'taken' | 'known' | 'refused' {
    const { rotation } = signed
    const head = this.#rotation?.rotation
    if (head !== undefined && compareRotations(rotation, head) <= 0) return 'known'
    if (this.banOf(rotation.by.id) !== undefined || this.banOf(from.id) !== undefined) return 'refused'
    if (!chosen && !from.hasNewest && !this.#roster.has(from.id)) return 'refused'
    if (!replaces(signed, this.#secret)) {
      const former = this.#former.some(({ secret }) => replaces(signed, secret))
      const missed = from.hasNewest && rotation.ancestors.includes(secretIdOf(this.#secret))
      const mayReplace = former
        ? this.#roster.has(rotation.by.id)
        : missed || (chosen && this.#descends(rotation.ancestors))
      if (!mayReplace) return 'refused'
    }
    this.#adopt(signed, now)
    return 'taken'
  }

  /** Whether somebody may be told the newest secret. */
  mayKnow({ id, hasNewest }: Teller): boolean {
    return this.banOf(id) === undefined && (hasNewest || this.#roster.has(id) || this.#sawBefore(id))
  }

  /** Whether the secret was changed elsewhere, and this one has not been told. */
  isBehind(rotation: Pick<Rotation, 'epoch' | 'at' | 'by'> | undefined): boolean {
    const head = this.#rotation?.rotation
    return rotation !== undefined && (head === undefined || compareRotations(rotation, head) > 0)
  }

  /** Whether a secret is the newest here or was so once. */
  hasHad(secret: Uint8Array): boolean {
    const id = secretIdOf(secret)
    const had = [this.#secret, ...this.#former.map((former) => former.secret)].map(secretIdOf)
    return had.includes(id) || this.#rotation?.rotation.ancestors.includes(id) === true
  }

  /** Takes over the secret of a later ledger of this user that had the one of this ledger once. Gives whether it is news. */
  follow(later: Ledger, now: number): boolean {
    const signed = later.rotation
    if (signed === undefined || !this.isBehind(signed.rotation) || !later.hasHad(this.#secret)) return false
    this.#adopt(signed, now)
    return true
  }

  /**
   * Whether somebody was seen here before the secret was changed, whoever changed it having seen it or not. By the clock
   * of this machine, and where that of the one that changed it is ahead, before this one heard of the change.
   */
  #sawBefore(id: string): boolean {
    const changedAt = this.#rotation?.rotation.at
    const heardAt = this.#former[0]?.replacedAt
    const since = this.#known.get(id)?.since
    if (changedAt === undefined || heardAt === undefined || since === undefined) return false
    return since < Math.min(changedAt, heardAt)
  }

  #descends(ancestors: readonly string[]): boolean {
    return [this.#secret, ...this.#former.map(({ secret }) => secret)].some((secret) =>
      ancestors.includes(secretIdOf(secret)),
    )
  }

  #adopt(signed: SignedRotation, now: number): void {
    const { secret, overlapMs, roster } = signed.rotation
    this.#former = [{ secret: this.#secret, replacedAt: now, until: now + overlapMs }, ...this.#former].slice(
      0,
      MAX_FORMER_SECRETS,
    )
    this.#secret = secret
    this.#rotation = signed
    this.#roster = new Set(roster)
  }

  /** The oldest word that somebody may come back is the least needed. */
  #makeRoom(): boolean {
    for (const [peer, { ban }] of this.#bans) {
      if (ban.banned) continue
      this.#bans.delete(peer)
      return true
    }
    return false
  }
}

/** A ledger with nothing in it but the secret. */
export function newLedger(mesh: string, secret: Uint8Array): Ledger {
  return new Ledger(mesh, { secret, former: [], rotation: undefined, bans: [], known: new Map() })
}
