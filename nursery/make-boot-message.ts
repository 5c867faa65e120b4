import type { ActorRuntime } from './actor-runtime.ts'
import type { BootMessage } from './boot-message.ts'

/** What whoever wants an actor says of it; the rest is what everything below this process has in common. */
export type BootRequest = Pick<
  BootMessage,
  'name' | 'modules' | 'statespace' | 'metadata' | 'logLevel' | 'graceMs' | 'limits'
> &
  Partial<Pick<BootMessage, 'treeKey' | 'stacks' | 'startMethod' | 'warmActors' | 'owner' | 'trace'>>

/** The message that makes a process below this one an actor. */
export function makeBootMessage(runtime: ActorRuntime, request: BootRequest): BootMessage {
  const { self, root, relay, options: own, discovery } = runtime
  const { name, modules, statespace, metadata, logLevel, graceMs, limits } = request
  return {
    type: 'boot',
    name,
    mesh: own.mesh,
    secrets: own.secrets.valid(),
    banned: runtime.banned,
    treeKey: request.treeKey ?? own.treeKey,
    parent: self,
    owner: request.owner,
    parentInc: discovery.inc,
    root,
    relay,
    depth: own.depth + 1,
    graceMs,
    modules,
    statespace,
    metadata,
    logLevel,
    profile: own.profile,
    quorum: own.quorum,
    stacks: request.stacks ?? own.stacks,
    startMethod: request.startMethod ?? own.startMethod,
    warmActors: request.warmActors ?? own.warmActors,
    limits,
    preload: own.preload ?? [],
    trace: request.trace,
  }
}
