import { redeemOnce } from './joining.ts'

/**
 * Joins this user's programs on this machine to the mesh of an invitation: those that name the mesh find it from then on, also
 * after a restart. An invitation that was used here before is not used again.
 *
 * @param invitation what `invite` or `greenroom invite` gave
 * @returns the name of the mesh
 * @throws GreenroomError `BAD_INVITATION` when it is none; `INVITATION_REFUSED` when the mesh does not take it;
 * `MESH_UNREACHABLE` when nobody answered
 * @example
 * ```ts
 * const { mesh } = await acceptInvitation(line)
 * await using joined = await joinMesh({ mesh })
 * ```
 */
export async function acceptInvitation(invitation: string): Promise<{ readonly mesh: string }> {
  const { mesh } = await redeemOnce(invitation)
  return { mesh }
}
