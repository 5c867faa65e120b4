import { text } from 'node:stream/consumers'
import { acceptInvitation } from '../nursery/joining.ts'
import { forgetMembership, openMesh } from '../discovery/membership.ts'
import { GreenroomError, invite } from '../index.ts'
import { endHostPeer } from './host-peer.ts'
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
  const invitation = await invite(mesh, limits)
  if (output.json) await output.document({ mesh, invitation })
  else await output.line(invitation)
}

export async function joinByInvitation(invitation: string, options: { readonly json?: boolean }): Promise<void> {
  const output = openOutput(options.json === true)
  const { mesh } = await acceptInvitation(invitation === '-' ? await text(process.stdin) : invitation)
  if (output.json) await output.document({ mesh })
  else await output.line(`this machine has joined mesh '${mesh}': 'greenroom up --mesh ${mesh}' runs a peer of it here`)
}

/** @throws GreenroomError `MESH_IN_USE` while other programs of the mesh run here */
export async function leaveMesh(mesh: string, options: { readonly json?: boolean }): Promise<number> {
  const output = openOutput(options.json === true)
  const rendezvous = await openMesh(mesh)
  try {
    const ended = await endHostPeer(rendezvous.directory)
    const running = await rendezvous.entries()
    if (running.length > 0) {
      const programs = running.map(({ name, pid }) => `${name} (process ${pid})`).join(', ')
      throw new GreenroomError('MESH_IN_USE', `programs of mesh '${mesh}' are running here: end ${programs} first`)
    }
    const joined = await forgetMembership(mesh)
    await rendezvous.discard()
    const left = joined || ended
    if (output.json) await output.document({ mesh, left })
    else await output.line(left ? `this machine has left mesh '${mesh}'` : `this machine was not in mesh '${mesh}'`)
    return left ? 0 : 1
  } finally {
    await rendezvous.close()
  }
}
