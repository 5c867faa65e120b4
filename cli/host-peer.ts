import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning, startTimeOf } from '../discovery/process-life.ts'

/** Milliseconds that a peer has to end before it is killed, and then again. */
const END_MS = 5_000
const POLL_MS = 20

interface Mark {
  readonly pid: number
  readonly startedAt: string | null
}

/** Marks this process as the peer of this host in a mesh, until it ends. @param directory of the mesh */
export async function markHostPeer(directory: string): Promise<() => Promise<void>> {
  const mark: Mark = { pid: process.pid, startedAt: startTimeOf(process.pid) }
  await writeFile(fileOf(directory), JSON.stringify(mark), { mode: 0o600 })
  return async () => await rm(fileOf(directory), { force: true })
}

/** The process that is the peer of this host, if it runs. */
export async function hostPeerOf(directory: string): Promise<number | undefined> {
  return (await markIn(directory))?.pid
}

/** Ends the peer of this host; gives whether there was one. */
export async function endHostPeer(directory: string): Promise<boolean> {
  const mark = await markIn(directory)
  if (mark === undefined) return false
  const { pid, startedAt } = mark
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    process.kill(pid, signal)
    for (let waited = 0; waited < END_MS; waited += POLL_MS) {
      if (!isRunning(pid, startedAt)) return true
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
  return true
}

async function markIn(directory: string): Promise<Mark | undefined> {
  try {
    const { pid, startedAt } = JSON.parse(await readFile(fileOf(directory), 'utf8')) as Mark
    return Number.isInteger(pid) && pid > 0 && isRunning(pid, startedAt) ? { pid, startedAt } : undefined
  } catch {
    return undefined
  }
}

function fileOf(directory: string): string {
  return join(directory, 'host-peer.json')
}
