import { randomBytes } from 'node:crypto'
import type { PeerHint } from '../discovery/core/input.ts'
import type { MeshFiles } from '../discovery/mesh-files.ts'
import type { Metadata } from '../discovery/metadata.ts'
import type { ProfileName } from '../discovery/profile.ts'
import type { Rendezvous } from '../discovery/rendezvous.ts'
import type { VoteFile } from '../discovery/vote-file.ts'
import type { Door } from '../node/door.ts'
import type { Host, HostMetrics } from '../node/host.ts'
import type { Identity } from '../node/identity.ts'
import { MeshSecrets } from '../node/mesh-secrets.ts'
import type { Target } from '../rpc/caller.ts'
import type { StackPolicy } from '../rpc/kinship.ts'
import type { CarrierStarter } from './carriers.ts'
import type { StartMethod } from './start-method.ts'

/** What an actor is started with. */
export interface RuntimeOptions {
  readonly name: string
  readonly identity: Identity
  /** Which mesh this is; part of every record's signature. */
  readonly mesh: string
  readonly secrets: MeshSecrets
  /** Peer ids that are kept out from the start. */
  readonly banned: readonly string[]
  /** What the root and its descendants, and nobody else, know: proves who belongs to one tree. */
  readonly treeKey: Uint8Array
  readonly listen?: readonly string[] | 'near' | undefined
  /** Told to others in place of the addresses that it listens on. */
  readonly announce?: readonly string[] | undefined
  /** Whether this root passes on connections to the actors of its machine, or to all members. */
  readonly relays?: boolean | 'members' | undefined
  /** Roots that pass on connections to this one. */
  readonly through?: readonly PeerHint[] | undefined
  /** An address of the root that passes on connections to this actor. */
  readonly relay?: string | undefined
  /** Lets strangers in by invitation; children have none. */
  readonly door?: Door | undefined
  /** Started beforehand, in a process that waited for its name. */
  readonly host?: Host | undefined
  /** Those whose namespaces are known beforehand. */
  readonly modules: readonly { readonly namespace: string | undefined }[]
  /** Brings the modules in, before others hear of the actor: who finds it may call it at once. Gives their namespaces. */
  readonly load?: ((self: Target) => Promise<readonly string[]>) | undefined
  readonly statespace: Record<string, unknown>
  /** What it says of itself at first. */
  readonly metadata: Metadata
  readonly profile: ProfileName
  readonly stacks: StackPolicy
  /** How actors below are started unless told otherwise. */
  readonly startMethod: StartMethod
  /** Whether other actors live in this process, by their scopes; default not. */
  readonly sharesProcess?: boolean | undefined
  /** Starts what carries the actors below; default processes and threads. */
  readonly carriers?: CarrierStarter | undefined
  /** Whether the process is there for this actor alone, so that it may be ended by force. */
  readonly ownsProcess?: boolean | undefined
  /** Whether this actor is a thread itself. */
  readonly isThread?: boolean | undefined
  /** Whether its process waited for its name. */
  readonly isWarm?: boolean | undefined
  readonly warmActors: number
  /** A child's parent and root; a root has neither. */
  readonly parent?: Target | undefined
  readonly root?: string | undefined
  /** Whose nursery a child belongs to, when that is not its parent. */
  readonly owner?: Target | undefined
  readonly parentInc?: number | undefined
  readonly depth: number
  /** Milliseconds until a child's parent uses force; a root has nobody who does. */
  readonly graceMs?: number | undefined
  readonly rendezvous?: Rendezvous | undefined
  /** What the root of a named mesh keeps of it. */
  readonly files?: MeshFiles | undefined
  /** The declared electorate of the mesh; a root that is, or may be, one of the electors has its vote file as well. */
  readonly quorum?: readonly string[] | number | undefined
  readonly votes?: VoteFile | undefined
  readonly join?: readonly PeerHint[] | undefined
  /** Names and addresses at which roots are looked for, whoever they are. */
  readonly places?: readonly string[] | undefined
  /** Whether routers are asked to pass on connections, or the URLs of their descriptions; default no. */
  readonly portMapping?: boolean | readonly string[] | undefined
  /** Whether it looks for roots, and is found by them, on the local network; default no. */
  readonly mdns?: boolean | undefined
  /** Modules that this actor has imported before it started, and that those below import. */
  readonly preload?: readonly string[] | undefined
  /** Measures its libp2p node, and where that is read. */
  readonly metrics?: { readonly component: HostMetrics; readonly url: string } | undefined
  /** The trace that it was started in; default that of the code that starts it. */
  readonly trace?: string | undefined
  /** Whether nobody is to see it; default no. */
  readonly isRehearsal?: boolean | undefined
}

/** A secret that nobody else has, and a mesh that nobody else can name. */
export function privateMesh(): Pick<RuntimeOptions, 'mesh' | 'secrets' | 'banned'> {
  const secrets = new MeshSecrets(new Uint8Array(randomBytes(32)))
  return { mesh: `private-${randomBytes(8).toString('hex')}`, secrets, banned: [] }
}
