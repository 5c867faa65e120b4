import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { GreenroomError } from '../node/errors.ts'
import { openRendezvous, type Rendezvous } from './rendezvous.ts'
import { codeOf, clearTemporaryFiles, openPrivateDirectory, readPrivateFile, temporaryName } from './private-files.ts'

/** Bytes of the file of one membership. */
export const MAX_MEMBERSHIP_BYTES = 64 * 1024

/** What this machine keeps of a mesh that it joined. */
export interface Membership {
  readonly secret: Uint8Array
  /** Of the invitation that it joined by. */
  readonly invitation: string
  /** Where roots of the mesh were said to be. */
  readonly addresses: readonly string[]
}

/** Where a user's memberships are, by the XDG base directory specification: they outlive a restart of the machine. */
export function stateDirectory(): string {
  const given = process.env['XDG_STATE_HOME']
  return given === undefined || given === '' ? join(homedir(), '.local', 'state') : given
}

/** @throws GreenroomError `RENDEZVOUS_UNSAFE`, `RENDEZVOUS_UNUSABLE` */
export async function readMembership(mesh: string): Promise<Membership | undefined> {
  const bytes = await readPrivateFile(fileOf(mesh), MAX_MEMBERSHIP_BYTES)
  if (bytes === undefined) return undefined
  try {
    const { secret, invitation, addresses } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
    if (typeof secret === 'string' && /^[0-9a-f]{64}$/.test(secret) && typeof invitation === 'string')
      if (Array.isArray(addresses) && addresses.every((address) => typeof address === 'string'))
        return { secret: new Uint8Array(Buffer.from(secret, 'hex')), invitation, addresses: addresses as string[] }
  } catch {
    // told below
  }
  throw new GreenroomError('RENDEZVOUS_UNUSABLE', `${fileOf(mesh)} cannot be read: delete it and join again`)
}

/** The rendezvous of a mesh with the secret that this machine has joined by, if it has joined it. */
export async function openMesh(mesh: string): Promise<Rendezvous> {
  return await openRendezvous({ mesh, secret: (await readMembership(mesh))?.secret })
}

/** Keeps a membership, in the place of an earlier one of that mesh. */
export async function keepMembership(mesh: string, { secret, invitation, addresses }: Membership): Promise<void> {
  const file = fileOf(mesh)
  const directory = dirname(file)
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  await openPrivateDirectory(directory)
  await clearTemporaryFiles(directory, await readdir(directory))
  const temporary = join(directory, temporaryName())
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(JSON.stringify({ secret: Buffer.from(secret).toString('hex'), invitation, addresses }))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
}

/** Gives whether there was one. */
export async function forgetMembership(mesh: string): Promise<boolean> {
  try {
    await unlink(fileOf(mesh))
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function fileOf(mesh: string): string {
  return join(stateDirectory(), 'greenroom', `${mesh}.json`)
}
