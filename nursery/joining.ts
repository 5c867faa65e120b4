import type { PeerHint } from '../discovery/core/input.ts'
import { redeem } from '../discovery/gatehouse.ts'
import { isInvitation, readInvitation } from '../discovery/invitation.ts'
import { readJoinAddresses, readJoinPlaces } from '../discovery/join-addresses.ts'
import { keepLedger } from '../discovery/ledger-file.ts'
import { Ledger } from '../discovery/ledger.ts'
import { keepMembership, ledgerFileOf, type Membership, readMembership } from '../discovery/membership.ts'
import { currentScope } from '../node/cancel-scope.ts'
import { InvalidArgument } from '../node/errors.ts'
import { openIdentity } from '../node/identity.ts'

/** Which mesh a root belongs to, and whom it asks first. */
export interface Joining {
  /** Undefined for a private mesh. */
  readonly mesh: string | undefined
  readonly hints: readonly PeerHint[]
  /** Where roots are looked for, whoever they are. */
  readonly places: readonly string[]
}

/**
 * Reads how a root is to join: an invitation, addresses, both from the environment as well, or what an earlier invitation to
 * that mesh has left on this machine.
 *
 * @throws InvalidArgument, GreenroomError `BAD_INVITATION`, `INVITATION_REFUSED`, `MESH_UNREACHABLE`
 */
export async function resolveJoining(
  mesh: string | undefined,
  join: string | readonly string[] | undefined,
): Promise<Joining> {
  const wanted = join ?? listed(process.env['GREENROOM_JOIN'])
  const invitation = invitationIn(wanted)
  if (invitation !== undefined) {
    const { mesh: invitedTo, membership } = await redeemOnce(invitation, mesh)
    return { mesh: invitedTo, hints: readJoinAddresses(membership.addresses), places: [] }
  }
  const { hints, places } = readJoinPlaces(wanted as readonly string[])
  if (mesh === undefined) {
    if (hints.length + places.length === 0) return { mesh, hints, places }
    throw new InvalidArgument(
      "addresses of roots are joined in a named mesh: give run() or joinMesh() a 'mesh' as well as 'join', or join by an invitation",
    )
  }
  const membership = await readMembership(mesh)
  if (membership === undefined || hints.length + places.length > 0) return { mesh, hints, places }
  return { mesh, hints: readJoinAddresses(membership.addresses), places: [] }
}

/**
 * Joins this user's programs on this machine to the mesh of an invitation; one that was used here before is not used again.
 *
 * @param expected the mesh that it has to be an invitation to, if any
 */
export async function redeemOnce(
  text: string,
  expected?: string,
): Promise<{ readonly mesh: string; readonly membership: Membership }> {
  const invitation = readInvitation(text)
  const { mesh, id, addresses } = invitation
  if (expected !== undefined && expected !== mesh)
    throw new InvalidArgument(`the invitation is to mesh '${mesh}', and mesh '${expected}' was asked for`)
  const known = await readMembership(mesh)
  if (known?.invitation === id) return { mesh, membership: known }
  const { secret, rotation, bans } = await redeem(invitation, await openIdentity(), currentScope().signal)
  const membership = { secret, invitation: id, addresses }
  await keepMembership(mesh, membership)
  // the secret of an earlier membership may be too old for the mesh to name it among the former ones
  const now = Date.now()
  const hasChanged = known !== undefined && !Buffer.from(known.secret).equals(secret)
  const former = hasChanged ? [{ secret: known.secret, replacedAt: now, until: now }] : []
  const ledger = new Ledger(mesh, { secret, former, rotation, bans, known: new Map() })
  await keepLedger(ledgerFileOf(mesh), ledger)
  return { mesh, membership }
}

function invitationIn(join: string | readonly string[]): string | undefined {
  if (typeof join === 'string') {
    if (isInvitation(join)) return join
    throw new InvalidArgument("join takes an invitation, which begins with 'greenroom:', or an array of addresses")
  }
  return Array.isArray(join) && join.length === 1 && typeof join[0] === 'string' && isInvitation(join[0])
    ? join[0]
    : undefined
}

function listed(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
