import { type Invitation, doorKeyOf, encodeInvitation, MAX_INVITATION_ADDRESSES } from '../discovery/invitation.ts'
import { type InvitationLimits, Invitations } from '../discovery/invitations.ts'
import { readJoinAddresses } from '../discovery/join-addresses.ts'
import { openMesh } from '../discovery/mesh-files.ts'
import { GreenroomError } from '../node/errors.ts'
import { leadsOutside, relayIn } from '../node/relay.ts'

export interface InviteOptions extends InvitationLimits {
  /**
   * Where a running program of the mesh on this machine can be reached, multiaddrs with peer ids, at most 16; default
   * the addresses of all that listen beyond this machine.
   */
  readonly addresses?: readonly string[]
}

/**
 * Makes an invitation to a named mesh that a program of this user on this machine is running: one line for `join`.
 *
 * It is as secret as the mesh until it expires or is used up: who has it can join. The line itself does not hold the mesh
 * secret, which is told over an encrypted connection once the invitation was found good.
 *
 * @throws InvalidArgument when a limit or an address cannot be used
 * @throws GreenroomError `NO_OPEN_ROOT` when no program of the mesh can be reached from other machines
 * @example
 * ```ts
 * console.log(await invite('studio', { expiresInMs: 3_600_000, uses: 5 }))
 * ```
 */
export async function invite(mesh: string, options: InviteOptions = {}): Promise<string> {
  const { rendezvous, ledger } = await openMesh(mesh)
  try {
    const { directory } = rendezvous
    const given = options.addresses?.slice(0, MAX_INVITATION_ADDRESSES)
    if (given !== undefined) readJoinAddresses(given)
    const addresses = given ?? outward(await rendezvous.entries(), options.uses !== undefined)
    if (addresses.length === 0)
      throw new GreenroomError(
        'NO_OPEN_ROOT',
        `no program of mesh '${mesh}' on this machine listens where others can reach it: start one with 'greenroom up --mesh ${mesh}', ` +
          "or give run() or joinMesh() a 'listen' address beyond the loopback interface",
      )
    const grant = await new Invitations(mesh, () => ledger.newest, directory).issue(options)
    const invitation: Invitation = { ...grant, doorKey: doorKeyOf(ledger.newest), addresses }
    return encodeInvitation(invitation)
  } finally {
    await rendezvous.close()
  }
}

/**
 * The addresses that mean something on another machine, of several roots in turn. Strangers pass no relay: the door of the relay
 * itself lets them in, unless uses are counted, which is done here alone.
 */
function outward(
  entries: readonly { readonly peerId: string; readonly addrs: readonly string[] }[],
  isCounted: boolean,
): string[] {
  const all = entries.flatMap(({ peerId, addrs }) =>
    addrs.filter(leadsOutside).flatMap((addr) => {
      const relay = relayIn(addr)
      if (relay !== undefined) return isCounted ? [] : [relay]
      return [addr.includes('/p2p/') ? addr : `${addr}/p2p/${peerId}`]
    }),
  )
  return [...new Set(all)].slice(0, MAX_INVITATION_ADDRESSES)
}
