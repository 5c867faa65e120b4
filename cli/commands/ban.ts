import { type BannedMember, bannedMembers, banMember, joinMesh, unbanMember } from '../../index.ts'
import { openOutput } from '../output.ts'
import type { Column } from '../table.ts'
import { shortId, visible } from '../text.ts'
import { drawRotation, rotateHere } from './rotate.ts'

export interface BanCommandOptions {
  readonly mesh: string
  readonly why?: string
  readonly rotate?: boolean
  readonly json?: boolean
}

/** Bans a member, and changes the secret when that is asked for; without a member it lists who is banned. */
export async function ban(member: string | undefined, options: BanCommandOptions): Promise<void> {
  const { mesh, why, rotate } = options
  const output = openOutput(options.json === true)
  await using _joined = await joinMesh({ mesh, name: 'greenroom-command' })
  if (member === undefined) {
    const banned = bannedMembers()
    if (output.json) await output.document(banned)
    else if (banned.length === 0) output.note(`nobody is banned from mesh '${mesh}'`)
    else await output.table(COLUMNS, banned)
    return
  }
  const { member: banned, told, untold } = await banMember(member, why === undefined ? {} : { why })
  const rotation = rotate === true ? await rotateHere(mesh, undefined) : undefined
  if (output.json) await output.document({ banned, told, untold, ...(rotation === undefined ? {} : { rotation }) })
  else {
    await output.line(`${visible(banned.name) || 'a member'} (${shortId(banned.id)}) is banned from mesh '${mesh}'`)
    if (rotation !== undefined) for (const line of drawRotation(rotation)) await output.line(line)
    else output.note(`it still knows the secret: 'greenroom rotate --mesh ${mesh}' keeps it out under other identities`)
  }
}

export async function unban(member: string, options: BanCommandOptions): Promise<void> {
  const { mesh } = options
  const output = openOutput(options.json === true)
  await using _joined = await joinMesh({ mesh, name: 'greenroom-command' })
  const { member: unbanned, told, untold } = await unbanMember(member)
  if (output.json) await output.document({ unbanned, told, untold })
  else await output.line(`${visible(unbanned.name) || 'it'} (${shortId(unbanned.id)}) may come back to mesh '${mesh}'`)
}

const COLUMNS: readonly Column<BannedMember>[] = [
  { title: 'NAME', cell: ({ name }) => visible(name) },
  { title: 'PEER ID', cell: ({ id }) => id },
  { title: 'SINCE', cell: ({ at }) => new Date(at).toISOString() },
  { title: 'BY', cell: ({ by }) => visible(by.name) },
  { title: 'WHY', cell: ({ why }) => visible(why) },
]
