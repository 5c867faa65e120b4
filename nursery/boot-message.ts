import type { LogLevel } from '../node/log.ts'
import type { Observed, RecallBounds, Wish } from './observed.ts'
import type { TimedSecret } from '../node/mesh-secrets.ts'
import type { Access } from '../discovery/ledger-keeper.ts'
import type { Metadata } from '../discovery/metadata.ts'
import type { ProfileName } from '../discovery/profile.ts'
import type { Target } from '../rpc/caller.ts'
import type { EncodedFailure } from '../rpc/error-codec.ts'
import type { StartMethod } from './start-method.ts'
import type { ActorTree, TreeBounds } from './actor-tree.ts'
import type { ActorLimits } from './limits.ts'
import type { StackPolicy } from '../rpc/kinship.ts'

/** A module that a child imports. */
export interface BootModule {
  readonly url: string
  /** What it has to expose; of one that its owner named without knowing it, all that it exposes is served. */
  readonly namespace: string | undefined
}

/**
 * Everything a child needs to become an actor; it travels over the private channel, never by arguments or
 * environment.
 */
export interface BootMessage {
  readonly type: 'boot'
  readonly name: string
  readonly mesh: string
  /** The newest first. */
  readonly secrets: readonly TimedSecret[]
  /** Peer ids that are kept out. */
  readonly banned: readonly string[]
  /** What the root and its descendants, and nobody else, know. */
  readonly treeKey: Uint8Array
  readonly parent: Target
  /** The actor whose nursery it belongs to, when that is not the parent: it will call soon. */
  readonly owner: Target | undefined
  /** Incarnation of the parent. */
  readonly parentInc: number
  /** Peer id of the tree's top actor. */
  readonly root: string
  /** An address of the root, when it passes on connections to the actors of its tree. */
  readonly relay: string | undefined
  /** Levels below the root, at least 1. */
  readonly depth: number
  /** Milliseconds from the begin of its end to the parent's SIGTERM. */
  readonly graceMs: number
  readonly modules: readonly BootModule[]
  readonly statespace: Record<string, unknown>
  /** Its tags, groups and version. */
  readonly metadata: Metadata
  readonly logLevel: LogLevel
  readonly profile: ProfileName
  /** The declared electorate of the mesh. */
  readonly quorum: readonly string[] | number | undefined
  readonly stacks: StackPolicy
  readonly startMethod: StartMethod
  readonly warmActors: number
  readonly limits: ActorLimits
  /** Modules that it imports before it becomes an actor. */
  readonly preload: readonly string[]
  /** The trace that it is started in. */
  readonly trace: string | undefined
}

/** What a process that waits for its name does meanwhile: listens, and connects to its parent. */
export interface PrepareMessage {
  readonly type: 'prepare'
  readonly secrets: readonly TimedSecret[]
  readonly parent: Target
  readonly relay: string | undefined
  readonly depth: number
}

/** Who may connect from now on: the secret of the mesh has changed, or somebody is banned or no longer so. */
export interface AccessMessage extends Access {
  readonly type: 'access'
}

/** From parent to child. */
export type ParentMessage =
  | BootMessage
  | PrepareMessage
  | AccessMessage
  | { readonly type: 'cancel'; readonly by: string; readonly why: string }
  | Question

/** What an actor that is up is asked. */
export type Question =
  | { readonly type: 'describe'; readonly request: number; readonly bounds: TreeBounds }
  /** From now on it passes up what is wished for; what is remembered of before is asked for apart. */
  | { readonly type: 'observe'; readonly wish: Wish }
  | { readonly type: 'recall'; readonly request: number; readonly bounds: RecallBounds }
  /** What it has passed up was taken: it may pass up more. */
  | { readonly type: 'taken' }
  | { readonly type: 'logLevel'; readonly level: LogLevel; readonly forMs: number | undefined }

/** From child to parent. */
export type ChildMessage =
  /** It waits for its name. */
  | { readonly type: 'prepared' }
  | { readonly type: 'ready'; readonly target: Target }
  /** What it is and what is below it. */
  | { readonly type: 'described'; readonly request: number; readonly tree: ActorTree }
  /** It has heard what it is to pass up, or to log, from now on. */
  | { readonly type: 'heard'; readonly what: 'observe' | 'logLevel' }
  /** What happened in it and below. */
  | { readonly type: 'observed'; readonly items: readonly Observed[] }
  | { readonly type: 'recalled'; readonly request: number; readonly items: readonly Observed[] }
  /** It did not become an actor. */
  | { readonly type: 'bootFailed'; readonly failure: EncodedFailure; readonly module?: string | undefined }
  /** An error that no caller was there to hear ended it. */
  | { readonly type: 'crashed'; readonly failure: EncodedFailure }
  /** It ended because somebody asked it to. */
  | { readonly type: 'cancelled'; readonly by: string; readonly why: string }
