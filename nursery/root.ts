import { randomBytes } from 'node:crypto'
import { type ArbiterOptions, checkArbiterOptions } from '../discovery/arbiter-options.ts'
import { checkMetadata, type MetadataOptions } from '../discovery/metadata.ts'
import { type ProfileName, profiles } from '../discovery/profile.ts'
import { gatehouse } from '../discovery/gatehouse.ts'
import { Invitations } from '../discovery/invitations.ts'
import { checkActorName } from '../node/actor-name.ts'
import { type MeshFiles, openMesh } from '../discovery/mesh-files.ts'
import type { Rendezvous } from '../discovery/rendezvous.ts'
import { openVoteFile, type VoteFile } from '../discovery/vote-file.ts'
import { InvalidArgument } from '../node/errors.ts'
import { MeshSecrets } from '../node/mesh-secrets.ts'
import { type KeyStore, openIdentity } from '../node/identity.ts'
import { type LogLevel, setLogLevel } from '../node/log.ts'
import { checkModules, type ExposedModule } from '../rpc/exposed.ts'
import { checkStackPolicy, type StackPolicy, TREE_KEY_BYTES } from '../rpc/kinship.ts'
import { checkStartMethod, type StartMethod } from './start-method.ts'
import { checkWarmActors, WARM_ACTORS } from './warm-pool.ts'
import { serveBuiltins } from './builtins.ts'
import { type HostingOptions, hostingSettings } from './placement/hosting-options.ts'
import { resolveJoining } from './joining.ts'
import { type RunningMetrics, startMetrics } from './metrics.ts'
import { checkPreload } from './preload.ts'
import { checkPortMapping, type RelayOption, readRelayOption } from './reach-options.ts'
import { measureActor } from './measure-actor.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { privateMesh, type RuntimeOptions } from './runtime-options.ts'
import { startRuntime } from './start-runtime.ts'

/** How a root becomes an actor. */
export interface MeshOptions extends MetadataOptions {
  /** This actor's name, 1 to 256 bytes; default `root`. */
  readonly name?: string
  /**
   * Name of a mesh that programs of this user on this machine share, 1 to 64 letters, digits, `.`, `_`, `-`; default
   * `GREENROOM_MESH`, else the mesh is private to this program and its actors.
   */
  readonly mesh?: string
  /**
   * How to join roots on other machines: an invitation, as `invite` or `greenroom invite` makes it, which says which
   * mesh it is and is used once on this machine; or their addresses with peer ids, at most 64, the own ones may be among
   * them; or names and addresses without, at most 16, like `/dns4/mesh.internal/tcp/4001`, each of which is every root
   * that it leads to, looked up again and again. Addresses need `mesh` and the same secret here as there. Default
   * `GREENROOM_JOIN`, addresses separated by commas; else, in a mesh that this machine has joined before, what is kept of
   * that.
   */
  readonly join?: string | readonly string[]
  /**
   * Whether roots of the mesh are looked for, and told of this one, on the local network by multicast DNS; default no. It needs
   * `mesh`, the same secret there, and an address to `listen` on beyond this machine. Outsiders see that this machine announces
   * something, and neither what nor to whom.
   */
  readonly mdns?: boolean
  /** `kept` gives the same peer id at every start of this name in this named mesh; default `fresh`. */
  readonly identity?: 'fresh' | 'kept'
  /** Multiaddrs to listen on; default a free port of the loopback interface and, on Linux, an abstract unix socket. */
  readonly listen?: readonly string[]
  /** Multiaddrs that others are told in place of those that this actor listens on, at most 8; for a host behind a router. */
  readonly announce?: readonly string[]
  /**
   * For members that nobody can connect to, behind a router of a home, say: `offer` lets this root pass on connections to them, and
   * `use` has this root, and the actors below it, reached by two of the roots that it joins by that offer that; or these do,
   * addresses with peer ids. What passes is encrypted between its ends. Default neither.
   */
  readonly relay?: RelayOption
  /**
   * Whether the router of this network is asked to pass on connections to this root (UPnP, IGD 2): `true`, or the URLs of the
   * descriptions of at most 4 routers, for those that do not answer searches. What it says of its address is told to others.
   * Where there is no such router, or it refuses, a warning says so after 20 s, and nothing else is different. Default no.
   */
  readonly portMapping?: boolean | readonly string[]
  /** What others may call in this actor; default nothing. */
  readonly modules?: readonly ExposedModule[]
  readonly statespace?: Record<string, unknown>
  /** From which level log lines are written, here and in the children; default `warn`. */
  readonly logLevel?: LogLevel
  /**
   * How actors are started here and below unless `startActor` says otherwise; default `process`. `warm` keeps a few
   * booted processes at hand, `thread` shares this process.
   */
  readonly startMethod?: StartMethod
  /** Processes that wait for their name, here and in each actor below, 1 to 64; default 2. Used by `warm` alone. */
  readonly warmActors?: number
  /** What lies between the roots of the mesh: decides the times of discovery; default `loopback`. */
  readonly profile?: ProfileName
  /** Who elects the arbiter of the mesh; default the oldest roots that are alive. */
  readonly arbiter?: ArbiterOptions
  /**
   * Who is sent the stacks of errors that are raised here and in the children: `tree`, the default, for actors below
   * the same root, which prove with a shared key that they are; `mesh` for every actor; `none` for nobody.
   */
  readonly stacks?: StackPolicy
  /**
   * Where metrics of this actor and the tree below it are served for Prometheus: `:9464` for programs of this machine
   * alone, `0.0.0.0:9464` for everybody who reaches it; port 0 is any free one. Default nowhere.
   */
  readonly metrics?: string
  /**
   * Modules that are imported here and in each actor below before it starts, absolute URLs, at most 16: what registers
   * a tracing SDK, say. Default none.
   */
  readonly preload?: readonly string[]
  /**
   * Whether this root starts actors for others of the mesh, whose `startActor` names it with `on`: processes below this one,
   * with the rights of its user, of modules that are installed here. `true`, or where those are and how many; default no.
   */
  readonly allowSpawn?: boolean | HostingOptions
}

/**
 * Boots this process as the top of a tree: in a private mesh, or in the named one of this machine.
 *
 * @param ownsProcess whether the process is there for the actor alone
 */
export async function startRoot(options: MeshOptions, ownsProcess = false): Promise<ActorRuntime> {
  const name = options.name ?? 'root'
  checkActorName(name)
  checkModules(options.modules ?? [])
  const profile = options.profile ?? 'loopback'
  if (!Object.hasOwn(profiles, profile))
    throw new InvalidArgument(`profile '${String(profile)}' is unknown: use one of ${Object.keys(profiles).join(', ')}`)
  const stacks = options.stacks ?? 'tree'
  checkStackPolicy(stacks)
  if (options.logLevel !== undefined) setLogLevel(options.logLevel)
  checkStartMethod(options.startMethod ?? 'process')
  checkWarmActors(options.warmActors ?? WARM_ACTORS)
  const metadata = checkMetadata(options)
  const preload = checkPreload(options.preload ?? [])
  for (const url of preload) await import(url)
  const hosting = hostingSettings(options.allowSpawn)
  const { mesh, hints, places } = await resolveJoining(
    options.mesh ?? (process.env['GREENROOM_MESH'] || undefined),
    options.join,
  )
  if (options.mdns === true && mesh === undefined)
    throw new InvalidArgument("a private mesh is found by nobody: give run() or joinMesh() a 'mesh' as well as 'mdns'")
  const quorum = checkArbiterOptions(options.arbiter ?? {}, mesh)
  const files = mesh === undefined ? undefined : await openMesh(mesh)
  const rendezvous = files?.rendezvous
  let votes: VoteFile | undefined
  let metrics: RunningMetrics | undefined
  try {
    if (options.metrics !== undefined) metrics = await startMetrics(options.metrics)
    const mayVote = typeof quorum === 'number' || quorum?.includes(name) === true
    if (mesh !== undefined && mayVote) votes = await openVoteFile({ mesh, name, stateDir: options.arbiter?.stateDir })
    const runtime = await startRuntime({
      name,
      identity: await openIdentity(options.identity === 'kept' ? keysOf(rendezvous, name) : undefined),
      ...(mesh === undefined || files === undefined ? privateMesh() : namedMesh(mesh, files)),
      listen: options.listen,
      announce: options.announce,
      ...readRelayOption(options.relay, options.listen, options.announce, hints),
      modules: options.modules ?? [],
      statespace: options.statespace ?? {},
      metadata,
      profile,
      startMethod: options.startMethod ?? 'process',
      warmActors: options.warmActors ?? WARM_ACTORS,
      stacks,
      treeKey: new Uint8Array(randomBytes(TREE_KEY_BYTES)),
      depth: 0,
      ownsProcess,
      rendezvous,
      files,
      join: hints,
      places,
      mdns: options.mdns,
      portMapping: checkPortMapping(options.portMapping, options.listen),
      quorum,
      votes,
      metrics,
      preload,
    })
    serveBuiltins(runtime)
    metrics?.serve(runtime)
    if (metrics !== undefined) runtime.atEnd(async () => await metrics?.close())
    await measureActor(runtime)
    if (hosting !== undefined) await allowSpawns(runtime, hosting)
    return runtime
  } catch (error) {
    await metrics?.close()
    await rendezvous?.close()
    await votes?.close()
    throw error
  }
}

async function allowSpawns(runtime: ActorRuntime, settings: Required<HostingOptions>): Promise<void> {
  try {
    const { openHosting } = await import('./placement/hosting.ts')
    await openHosting(runtime, settings)
  } catch (error) {
    await runtime.stop('it cannot start actors for others')
    throw error
  }
}

function namedMesh(
  mesh: string,
  { ledger, rendezvous: { directory } }: MeshFiles,
): Pick<RuntimeOptions, 'mesh' | 'secrets' | 'banned' | 'door'> {
  const invitations = new Invitations(mesh, () => ledger.newest, directory)
  const banned = ledger.banned.map(({ peer }) => peer)
  return { mesh, secrets: new MeshSecrets(ledger.secrets), banned, door: gatehouse(ledger, invitations) }
}

function keysOf(rendezvous: Rendezvous | undefined, name: string): KeyStore {
  if (rendezvous !== undefined) return rendezvous.keyFor(name)
  throw new InvalidArgument("an identity is kept in a named mesh: give run() or joinMesh() a 'mesh' as well")
}
