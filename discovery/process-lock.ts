import { link, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, readPrivateFile, temporaryName } from './private-files.ts'
import { isRunning, startTimeOf } from './process-life.ts'

/** Bytes of a lock file. */
const MAX_LOCK_BYTES = 256
/** How often a lock that is left by a dead process is taken away before somebody else must be at it. */
const MAX_ATTEMPTS = 10

/** A file that says which process of this machine something belongs to. */
export interface ProcessLock {
  /** Whether it still says so. */
  isHeld(): Promise<boolean>
  release(): Promise<void>
}

/** Those of this process, by path: what a lost one left behind is told apart from what is in use here. */
const held = new Set<string>()

/**
 * Locks a path for this process; gives the pid of the one that has it instead, if it runs. A lock whose process is
 * gone is taken over. The processes have to see each other's pids: one machine, one pid namespace.
 */
export async function lockForProcess(path: string): Promise<ProcessLock | number> {
  const text = JSON.stringify({ pid: process.pid, startedAt: startTimeOf(process.pid) })
  const temporary = join(dirname(path), temporaryName())
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      try {
        // unlike a rename, a link never replaces what another process has put there
        await link(temporary, path)
        held.add(path)
        return { isHeld: async () => (await read(path)) === text, release: async () => await release(path, text) }
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      const there = await read(path)
      const owner = ownerOf(there)
      const here = owner?.pid === process.pid && owner.startedAt === startTimeOf(process.pid)
      if (owner !== undefined && (here ? held.has(path) : isRunning(owner.pid, owner.startedAt))) return owner.pid
      if ((await read(path)) === there) await unlink(path).catch(() => {})
    }
    return ownerOf(await read(path))?.pid ?? 0
  } finally {
    await unlink(temporary)
  }
}

async function release(path: string, text: string): Promise<void> {
  held.delete(path)
  if ((await read(path)) === text) await unlink(path).catch(() => {})
}

async function read(path: string): Promise<string | undefined> {
  const bytes = await readPrivateFile(path, MAX_LOCK_BYTES)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

function ownerOf(text: string | undefined): { pid: number; startedAt: string | null } | undefined {
  try {
    const { pid, startedAt } = JSON.parse(text ?? '') as { pid?: unknown; startedAt?: unknown }
    if (!Number.isSafeInteger(pid) || (pid as number) < 1) return undefined
    return { pid: pid as number, startedAt: typeof startedAt === 'string' ? startedAt : null }
  } catch {
    return undefined
  }
}
