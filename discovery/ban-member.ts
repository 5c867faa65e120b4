import { inspect } from 'node:util'
import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import type { Ban } from './ban.ts'
import { currentDiscovery } from './discovery.ts'
import { currentLedger, type Telling } from './ledger-keeper.ts'
import { publicKeyIn } from './signing.ts'

export interface BanOptions {
  /** For whoever reads the list of bans, at most 256 characters. */
  readonly why?: string
}

/** A member that is kept out of the mesh. */
export interface BannedMember {
  readonly id: string
  /** As it was called when it was banned; empty when that was not known. */
  readonly name: string
  /** Milliseconds since 1970 by the clock of whoever banned it. */
  readonly at: number
  /** Who banned it. */
  readonly by: { readonly id: string; readonly name: string }
  readonly why: string
}

/**
 * Keeps a root, and the actors below it, out of a named mesh: every root closes its connections to it, takes it out of the
 * registry and lets it in no more under that peer id, until {@link unbanMember}. Kept over restarts; at most 1,024.
 *
 * It still knows the secret of the mesh, and could come back under another identity: {@link rotateSecret} afterwards is the full
 * cut.
 *
 * @param member its name, when no other root has that, or its peer id, known or not
 * @throws InvalidArgument when it is this actor's own root, or not a root
 * @throws GreenroomError `UNKNOWN_MEMBER`, `TOO_MANY_BANS`, `NO_LEDGER` when this process is no root of a named mesh
 * @example
 * ```ts
 * await banMember('stolen-laptop', { why: 'stolen on Monday' })
 * await rotateSecret()
 * ```
 */
export async function banMember(
  member: string,
  { why = '' }: BanOptions = {},
): Promise<Telling & { readonly member: BannedMember }> {
  const keeper = currentLedger()
  const { id, name } = rootOf(member)
  if (id === currentDiscovery().self.id) throw new InvalidArgument('a root cannot ban itself: call this in another one')
  const { ban, told, untold } = await keeper.setBan(id, name, true, why)
  return { member: memberOf(ban), told, untold }
}

/**
 * Lets a banned root back in. It comes by itself, within the pauses in which it tries; when the secret of the mesh has changed
 * meanwhile, it needs a new invitation.
 *
 * @param member its name, when nobody else of that name is banned, or its peer id
 * @throws GreenroomError `UNKNOWN_MEMBER` when it is not banned, `NO_LEDGER` when this process is no root of a named mesh
 */
export async function unbanMember(member: string): Promise<Telling & { readonly member: BannedMember }> {
  const keeper = currentLedger()
  const found = keeper.ledger.banned.filter(({ peer, name }) => peer === member || name === member)
  const { peer, name } = only(member, found, ({ peer: id }) => id, 'banned member')
  const { ban, told, untold } = await keeper.setBan(peer, name, false, '')
  return { member: memberOf(ban), told, untold }
}

/**
 * Who is banned from the mesh, as this root knows; who was banned last comes last.
 *
 * @throws GreenroomError `NO_LEDGER` when this process is no root of a named mesh
 */
export function bannedMembers(): BannedMember[] {
  return currentLedger().ledger.banned.map(memberOf)
}

function memberOf({ peer, name, at, by, why }: Ban): BannedMember {
  return { id: peer, name, at, by, why }
}

function rootOf(member: string): { readonly id: string; readonly name: string } {
  const { registry } = currentDiscovery().state
  const known = registry.get(member)
  if (known?.parent !== undefined)
    throw new InvalidArgument(
      `'${known.name}' is an actor below '${registry.get(known.root)?.name ?? known.root}': whole programs are banned, by their root`,
    )
  if (known !== undefined) return { id: member, name: known.name }
  if (isPeerId(member)) return { id: member, name: '' }
  const named = [...registry.roots()].filter(({ name }) => name === member)
  const { peerId, name } = only(member, named, ({ peerId: id }) => id, 'root')
  return { id: peerId, name }
}

function only<T>(member: string, found: readonly T[], idOf: (one: T) => string, what: string): T {
  if (found.length === 1) return found[0]!
  const shown = inspect(member, { depth: 0, maxStringLength: 80 })
  throw new GreenroomError(
    'UNKNOWN_MEMBER',
    found.length === 0
      ? `there is no ${what} ${shown} here: give its name or its whole peer id`
      : `${found.length} of the name ${shown} are there: give the peer id, one of ${found.slice(0, 8).map(idOf).join(', ')}`,
  )
}

function isPeerId(text: string): boolean {
  try {
    publicKeyIn(text)
    return true
  } catch {
    return false
  }
}
