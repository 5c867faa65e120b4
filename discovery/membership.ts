import { mkdir, readdir, unlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { GreenroomError } from '../node/errors.ts'
import {
  clearTemporaryFiles,
  codeOf,
  openPrivateDirectory,
  readPrivateFile,
  replacePrivateFile,
} from './private-files.ts'

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

/** Keeps a membership, in the place of an earlier one of that mesh. */
export async function keepMembership(mesh: string, { secret, invitation, addresses }: Membership): Promise<void> {
  const file = fileOf(mesh)
  const directory = dirname(file)
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  await openPrivateDirectory(directory)
  await clearTemporaryFiles(directory, await readdir(directory))
  await replacePrivateFile(file, JSON.stringify({ secret: Buffer.from(secret).toString('hex'), invitation, addresses }))
}

/** Gives whether there was one. */
export async function forgetMembership(mesh: string): Promise<boolean> {
  await unlink(ledgerFileOf(mesh)).catch(() => {})
  try {
    await unlink(fileOf(mesh))
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Where the ledger of a mesh is that this machine has joined. */
export function ledgerFileOf(mesh: string): string {
  return join(stateDirectory(), 'greenroom', `${mesh}.ledger.json`)
}

function fileOf(mesh: string): string {
  return join(stateDirectory(), 'greenroom', `${mesh}.json`)
}
