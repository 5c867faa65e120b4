import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openMesh } from '../discovery/mesh-files.ts'
import { replacePrivateFile } from '../discovery/private-files.ts'
import { isRunning, startTimeOf } from '../discovery/process-life.ts'
import { GreenroomError } from '../node/errors.ts'
import { run, type RunOptions } from './run.ts'

/** Milliseconds that a peer has to end before it is killed, and then again. */
const END_MS = 5_000
const POLL_MS = 20

/** The peer of a host in a mesh: the program that keeps this machine in it, whatever else runs here. */
export interface HostPeer {
  /** Of its process; undefined when none runs. */
  readonly pid: number | undefined
  /** Where one that runs in the background writes what it says; private to this user. */
  readonly logFile: string
}

interface Mark {
  readonly pid: number
  readonly startedAt: string | null
}

/**
 * Tells which process is the peer of this host in a named mesh.
 *
 * @throws InvalidArgument when the mesh name cannot be used
 * @throws GreenroomError `RENDEZVOUS_UNSAFE`, `RENDEZVOUS_UNUSABLE`, `MESH_NAME_IN_USE`
 * @example
 * ```ts
 * const { pid } = await hostPeerOf('studio')
 * console.log(pid === undefined ? 'greenroom up --mesh studio starts one' : `process ${pid}`)
 * ```
 */
export async function hostPeerOf(mesh: string): Promise<HostPeer> {
  const { rendezvous } = await openMesh(mesh)
  const { directory } = rendezvous
  await rendezvous.close()
  return { pid: (await markIn(directory))?.pid, logFile: join(directory, 'host-peer.log') }
}

/**
 * Runs a function as the peer of this host in a named mesh, as {@link run} does, under an identity that is kept: others know it
 * again after a restart. One a host and mesh.
 *
 * @throws GreenroomError `ALREADY_UP` while another process is the peer of this host
 * @throws whatever `run` and the function throw
 * @example
 * ```ts
 * await runHostPeer(() => sleep(3_600_000), { mesh: 'studio', listen: ['/ip4/0.0.0.0/tcp/4001'], profile: 'lan' })
 * ```
 */
export async function runHostPeer<T>(
  main: () => T | Promise<T>,
  options: RunOptions & { readonly mesh: string },
): Promise<T> {
  const { rendezvous } = await openMesh(options.mesh)
  const { directory } = rendezvous
  await rendezvous.close()
  const pid = (await markIn(directory))?.pid
  if (pid !== undefined && pid !== process.pid)
    throw new GreenroomError('ALREADY_UP', `process ${pid} is the peer of this host in mesh '${options.mesh}' already`)
  return await run(
    async () => {
      const mark: Mark = { pid: process.pid, startedAt: startTimeOf(process.pid) }
      await replacePrivateFile(fileOf(directory), JSON.stringify(mark))
      try {
        return await main()
      } finally {
        await rm(fileOf(directory), { force: true })
      }
    },
    { identity: 'kept', ...options },
  )
}

/** Ends the peer of this host; gives whether there was one. @param directory of the mesh */
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
