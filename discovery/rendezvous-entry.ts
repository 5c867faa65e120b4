/** Bounds of the rendezvous. */
export const rendezvousLimits = {
  /** Bytes of one root's file; larger ones are removed unread. */
  entryBytes: 16 * 1024,
  addrs: 16,
  addrBytes: 512,
  nameBytes: 256,
  /** Bytes of a kept identity key. */
  keyBytes: 1024,
  /** Files that are looked at in one reading. */
  entries: 1024,
} as const

/** Where a root says that it can be reached. */
export interface Announcement {
  readonly peerId: string
  /** Multiaddrs, best first; at most 16. */
  readonly addrs: readonly string[]
  readonly name: string
}

/** A running root of this mesh on this machine. */
export interface Entry extends Announcement {
  readonly pid: number
  /**
   * When the process started, as its system counts, so that another process with the same pid is told apart; null
   * where there is no `/proc`.
   */
  readonly startedAt: string | null
}

const peerIdText = /^[A-Za-z0-9]{1,128}$/

/** Reads the text of an entry's file; undefined when it is no entry of that peer id. */
export function readEntry(text: string, peerId: string): Entry | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, startedAt, addrs, name, ...rest } = value as { [Field in keyof Entry]?: unknown }
  const { entryBytes: _, nameBytes, addrBytes, addrs: most } = rendezvousLimits
  if (rest.peerId !== peerId || !peerIdText.test(peerId)) return undefined
  if (!Number.isSafeInteger(pid) || (pid as number) < 1) return undefined
  if (startedAt !== null && !isText(startedAt, 64)) return undefined
  if (!isText(name, nameBytes)) return undefined
  if (!Array.isArray(addrs) || addrs.length > most || !addrs.every((addr) => isText(addr, addrBytes))) return undefined
  return { peerId, pid: pid as number, startedAt, addrs: addrs as string[], name }
}

function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.length > 0 && Buffer.byteLength(value) <= most
}
