import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { stateDirectory } from './membership.ts'
import { runtimeDirectory } from './private-files.ts'
import { isRunning } from './process-life.ts'
import { isMeshName } from './rendezvous.ts'
import { readEntry, rendezvousLimits } from './rendezvous-entry.ts'

/** Meshes that are told of. */
const MAX_KNOWN_MESHES = 1_000

/** A mesh that this user's programs on this machine can be in. */
export interface KnownMesh {
  readonly name: string
  /** Whether this machine has joined it by an invitation. */
  readonly joined: boolean
  /** How many programs of it run on this machine. */
  readonly programs: number
}

/**
 * The meshes that this user has joined on this machine, or that programs run of here; by name, at most 1,000. Nothing is
 * made and nobody is asked.
 *
 * @example
 * ```ts
 * for (const { name, programs } of await knownMeshes()) console.log(`${name}: ${programs} programs here`)
 * ```
 */
export async function knownMeshes(): Promise<KnownMesh[]> {
  const running = join(runtimeDirectory(), `greenroom-${process.getuid?.() ?? 'user'}`)
  const memberships = (await namesIn(join(stateDirectory(), 'greenroom')))
    .filter((file) => /^[^.][^/]*\.json$/.test(file) && !file.endsWith('.ledger.json'))
    .map((file) => file.slice(0, -'.json'.length))
  const joined = new Set(memberships)
  const names = [...new Set([...joined, ...(await namesIn(running))])].filter(isMeshName).toSorted()
  return await Promise.all(
    names.slice(0, MAX_KNOWN_MESHES).map(async (name) => ({
      name,
      joined: joined.has(name),
      programs: await countPrograms(join(running, name, 'roots')),
    })),
  )
}

async function countPrograms(roots: string): Promise<number> {
  const files = (await namesIn(roots)).filter((file) => file.endsWith('.json'))
  const alive = await Promise.all(
    files.slice(0, rendezvousLimits.entries).map(async (file) => await isAlive(join(roots, file), file)),
  )
  return alive.filter(Boolean).length
}

async function isAlive(path: string, file: string): Promise<boolean> {
  try {
    if ((await stat(path)).size > rendezvousLimits.entryBytes) return false
    const entry = readEntry(await readFile(path, 'utf8'), file.slice(0, -'.json'.length))
    return entry !== undefined && isRunning(entry.pid, entry.startedAt)
  } catch {
    return false
  }
}

/** What is in a directory; nothing when there is none, or it cannot be read. */
async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => [])
}
