import * as greenroom from '../index.ts'
import { givenInvitation } from './given-invitation.ts'
import { openOutput } from './output.ts'

/** Prints an invitation, and nothing else, so that it can be piped. */
export async function printInvitation(options: {
  readonly mesh: string
  readonly expires?: number
  readonly uses?: number
  readonly address?: string[]
  readonly json?: boolean
}): Promise<void> {
  const { mesh, expires, uses, address } = options
  const output = openOutput(options.json === true)
  const limits = {
    ...(expires === undefined ? {} : { expiresInMs: expires }),
    ...(uses === undefined ? {} : { uses }),
    ...(address === undefined ? {} : { addresses: address }),
  }
  const invitation = await greenroom.invite(mesh, limits)
  if (output.json) await output.document({ mesh, invitation })
  else await output.line(invitation)
}

export async function joinByInvitation(invitation: string, options: { readonly json?: boolean }): Promise<void> {
  const output = openOutput(options.json === true)
  const { mesh } = await greenroom.acceptInvitation(await givenInvitation(invitation))
  if (output.json) await output.document({ mesh })
  else await output.line(`this machine has joined mesh '${mesh}': 'greenroom up --mesh ${mesh}' runs a peer of it here`)
}

/** @throws GreenroomError `MESH_IN_USE` while other programs of the mesh run here */
export async function leaveMesh(mesh: string, options: { readonly json?: boolean }): Promise<number> {
  const output = openOutput(options.json === true)
  const left = await greenroom.leaveMesh(mesh)
  if (output.json) await output.document({ mesh, left })
  else await output.line(left ? `this machine has left mesh '${mesh}'` : `this machine was not in mesh '${mesh}'`)
  return left ? 0 : 1
}
