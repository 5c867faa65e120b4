import { forgetMembership } from '../discovery/membership.ts'
import { openMesh } from '../discovery/mesh-files.ts'
import { GreenroomError } from '../node/errors.ts'
import { endHostPeer } from './host-peer.ts'

/**
 * Ends the peer of this host in a named mesh and forgets the mesh: its secret, kept identities, bans, and what was kept of an
 * invitation.
 *
 * @returns whether this machine was in that mesh
 * @throws InvalidArgument when the mesh name cannot be used
 * @throws GreenroomError `MESH_IN_USE` while other programs of the mesh run here
 * @example
 * ```ts
 * if (await leaveMesh('studio')) console.log('this machine has left the studio')
 * ```
 */
export async function leaveMesh(mesh: string): Promise<boolean> {
  const { rendezvous } = await openMesh(mesh)
  try {
    const ended = await endHostPeer(rendezvous.directory)
    const running = await rendezvous.entries()
    if (running.length > 0) {
      const programs = running.map(({ name, pid }) => `${name} (process ${pid})`).join(', ')
      throw new GreenroomError('MESH_IN_USE', `programs of mesh '${mesh}' are running here: end ${programs} first`)
    }
    const joined = await forgetMembership(mesh)
    await rendezvous.discard()
    return joined || ended
  } finally {
    await rendezvous.close()
  }
}
