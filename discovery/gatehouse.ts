import type { Door } from '../node/door.ts'
import { visitDoor } from '../node/door.ts'
import { describeError, GreenroomError } from '../node/errors.ts'
import type { Identity } from '../node/identity.ts'
import { areaLog } from '../node/log.ts'
import { decode, encode } from '../rpc/codec.ts'
import { doorKeyOf, encodeGrant, type Invitation, readGrant } from './invitation.ts'
import type { Invitations } from './invitations.ts'

const SECRET_BYTES = 32
const MAX_REFUSAL_CHARACTERS = 1_024

/** The door of a mesh: tells its secret to whoever comes with a good invitation. */
export function gatehouse(secret: Uint8Array, invitations: Invitations): Door {
  const log = areaLog('discovery')
  return {
    key: doorKeyOf(secret),
    answer: async (question, peer) => {
      const refusal = await invitations.admit(readGrant(decode(question)), peer)
      log.info(`${peer.slice(-8)} came with an invitation: ${refusal ?? 'let in'}`)
      return encode(refusal === undefined ? ['welcome', secret] : ['refused', refusal])
    },
  }
}

/**
 * Shows an invitation at the door of a mesh; gives the mesh's secret.
 *
 * @throws GreenroomError `INVITATION_REFUSED` when the mesh does not take it, `MESH_UNREACHABLE` when nobody answered
 */
export async function redeem(invitation: Invitation, identity: Identity, signal?: AbortSignal): Promise<Uint8Array> {
  const { mesh, addresses, doorKey } = invitation
  let answer: Uint8Array
  try {
    answer = await visitDoor(addresses, identity, doorKey, encodeGrant(invitation), signal)
  } catch (cause) {
    signal?.throwIfAborted()
    throw new GreenroomError(
      'MESH_UNREACHABLE',
      `nobody of mesh '${mesh}' let this machine in at ${addresses.join(', ')}: is a program of it running there ` +
        `(greenroom up), can its port be reached from here, and is the invitation newer than its secret? ${describeError(cause)}`,
      { cause },
    )
  }
  const value = decode(answer)
  const [outcome, told] = Array.isArray(value) ? (value as unknown[]) : []
  if (outcome === 'welcome' && told instanceof Uint8Array && told.byteLength === SECRET_BYTES)
    return new Uint8Array(told)
  const why = outcome === 'refused' ? String(told).slice(0, MAX_REFUSAL_CHARACTERS) : 'its answer makes no sense'
  throw new GreenroomError('INVITATION_REFUSED', `mesh '${mesh}' does not take the invitation: ${why}`)
}
