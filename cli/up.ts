import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { hostname } from 'node:os'
import {
  acceptInvitation,
  currentActor,
  GreenroomError,
  hostPeerOf,
  type HostingOptions,
  type ProfileName,
  runHostPeer,
} from '../index.ts'
import { benchService } from './bench-service.ts'
import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { givenInvitation, withoutInvitations } from './given-invitation.ts'
import { openOutput } from './output.ts'

export interface UpOptions {
  readonly mesh: string
  readonly port: number
  readonly listen?: string[]
  readonly announce?: string[]
  readonly join?: string
  readonly relay?: 'offer' | 'use'
  readonly portMapping?: boolean
  readonly mdns?: boolean
  readonly name?: string
  readonly profile: string
  readonly metrics?: string
  readonly tag?: string[]
  /** The directory whose modules others may have started here, or true for the working directory. */
  readonly allowSpawn?: string | true
  /** How many actors it runs for others, and for each of them. */
  readonly maxActors?: number
  readonly maxActorsPerPeer?: number
  readonly detach?: boolean
  readonly json?: boolean
}

/** A peer that is up, as `up --json` prints it. */
export interface UpReport {
  readonly name: string
  readonly id: string
  readonly mesh: string
  readonly pid: number
  /** Where it listens, for others to reach. */
  readonly addresses: readonly string[]
  /** Where Prometheus reads its metrics; missing when they are not served. */
  readonly metrics?: string
}

/** Milliseconds that a peer in the background has to be up. */
const UP_MS = 30_000

/** Runs a peer of this host: until it is told to end, or in a process that goes on by itself. */
export async function up(options: UpOptions): Promise<void> {
  if (options.allowSpawn === undefined && (options.maxActors ?? options.maxActorsPerPeer) !== undefined)
    throw new CommandError('BAD_OPTION', EXIT.usage, '--max-actors limits what --allow-spawn allows: give that as well')
  const invitation = options.join === undefined ? undefined : await givenInvitation(options.join)
  const mesh = invitation === undefined ? options.mesh : (await acceptInvitation(invitation)).mesh
  const { pid, logFile } = await hostPeerOf(mesh)
  if (pid !== undefined)
    throw new GreenroomError('ALREADY_UP', `process ${pid} is the peer of this host in mesh '${mesh}' already`)
  if (options.detach === true) await upInBackground(mesh, logFile, invitation, options.json === true)
  else await upHere(mesh, options)
}

async function upHere(mesh: string, options: UpOptions): Promise<void> {
  const main = async (): Promise<void> => {
    const { name, id, addresses, signal, metricsUrl } = currentActor()
    const open = addresses.filter((one) => !one.startsWith('/unix/'))
    const metrics = metricsUrl === undefined ? {} : { metrics: metricsUrl }
    const report: UpReport = { name, id, mesh, pid: process.pid, addresses: open, ...metrics }
    if (options.json === true) await openOutput(true).document(report)
    else {
      console.log(`${name} is up in mesh '${mesh}', process ${process.pid}, and listens on:`)
      for (const address of open) console.log(`  ${address}`)
      if (metricsUrl !== undefined) console.log(`metrics are at ${metricsUrl}`)
      if (options.allowSpawn !== undefined) console.log('it starts actors for others of the mesh')
    }
    process.send?.(report)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  await runHostPeer(main, {
    mesh,
    name: options.name ?? hostname(),
    listen: options.listen ?? [`/ip4/0.0.0.0/tcp/${options.port}`],
    ...(options.announce === undefined ? {} : { announce: options.announce }),
    ...(options.relay === undefined ? {} : { relay: options.relay }),
    ...(options.portMapping === undefined ? {} : { portMapping: options.portMapping }),
    ...(options.mdns === undefined ? {} : { mdns: options.mdns }),
    modules: [benchService],
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(options.allowSpawn === undefined ? {} : { allowSpawn: hosting(options) }),
    // checked by run, with the profiles that there are
    profile: options.profile as ProfileName,
  })
}

function hosting({ allowSpawn, maxActors, maxActorsPerPeer }: UpOptions): HostingOptions {
  return {
    ...(typeof allowSpawn === 'string' ? { directory: allowSpawn } : {}),
    ...(maxActors === undefined ? {} : { maxActors }),
    ...(maxActorsPerPeer === undefined ? {} : { maxActorsPerPeer }),
  }
}

/**
 * Starts the same command again without its terminal; what it writes goes to a file beside its other files. It gets an invitation
 * by its input: its command line is to be seen for as long as it runs.
 */
async function upInBackground(
  mesh: string,
  file: string,
  invitation: string | undefined,
  json: boolean,
): Promise<void> {
  const log = await open(file, 'a', 0o600)
  const args = withoutInvitations(process.argv.slice(1)).filter((arg) => arg !== '--detach')
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    detached: true,
    stdio: [invitation === undefined ? 'ignore' : 'pipe', log.fd, log.fd, 'ipc'],
  })
  // it may have ended before it read that, which is told below
  child.stdin?.on('error', () => {}).end(`${invitation}\n`)
  const outcome = Promise.withResolvers<UpReport>()
  const fail = (why: string): void =>
    outcome.reject(new GreenroomError('NOT_UP', `the peer of this host is not up: ${why}; see ${file}`))
  const late = setTimeout(() => {
    child.kill('SIGKILL')
    fail(`it was not ready within ${UP_MS} ms`)
  }, UP_MS)
  child.once('message', (report) => outcome.resolve(report as UpReport))
  child.once('error', (error) => fail(error.message))
  child.once('exit', (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`))
  try {
    const report = await outcome.promise
    if (json) await openOutput(true).document(report)
    else console.log(`process ${child.pid} is the peer of this host in mesh '${mesh}': 'greenroom leave' ends it`)
  } finally {
    clearTimeout(late)
    await log.close()
    if (child.connected) child.disconnect()
    child.unref()
  }
}
