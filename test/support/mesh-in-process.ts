import { randomBytes } from 'node:crypto'
import { CancelScope } from '../../node/cancel-scope.ts'
import type { Cancelled } from '../../node/errors.ts'
import { type Host, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import type { Target } from '../../rpc/caller.ts'
import type { ExposedModule } from '../../rpc/exposed.ts'
import type { Portal } from '../../rpc/portal.ts'
import { type StackPolicy, TREE_KEY_BYTES } from '../../rpc/kinship.ts'
import { type Rpc, startRpc } from '../../rpc/rpc.ts'

/** An actor without a process: a libp2p host of its own with both sides of calling on it. */
export interface InProcessActor {
  readonly name: string
  readonly id: string
  /** Where others reach it. */
  readonly target: Target
  readonly host: Host
  readonly rpc: Rpc
  /** What it serves runs below this scope. */
  readonly scope: CancelScope
  /** The cancels that others asked of the whole actor. */
  readonly cancels: readonly Cancelled[]
  portalTo(other: { readonly target: Target }): Portal
  /** Ends it as a killed process would: its connections break, nothing is said. */
  die(): Promise<void>
}

/** What the actors of one tree share. */
export interface Tree {
  readonly treeKey: Uint8Array
  readonly stacks: StackPolicy
}

export function newTree(stacks: StackPolicy = 'tree'): Tree {
  return { treeKey: new Uint8Array(randomBytes(TREE_KEY_BYTES)), stacks }
}

/** Actors in one process that share a mesh secret; disposing closes all of them. */
export interface InProcessMesh extends AsyncDisposable {
  readonly secret: Uint8Array
  readonly actors: readonly InProcessActor[]
  /** Another host of the mesh without calls on it, for peers that misbehave. */
  rawHost(): Promise<Host>
}

/**
 * Starts actors `a`, `b`, `c`… on loopback, real libp2p between them.
 *
 * @param modules what every one of them serves
 * @param count 1 to 26; default 2
 * @param trees which tree each actor belongs to, and who sees its stacks; default one tree
 */
export async function meshInProcess(
  modules: readonly ExposedModule[],
  count = 2,
  trees: readonly Tree[] = [newTree()],
): Promise<InProcessMesh> {
  const secret = new Uint8Array(randomBytes(32))
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  const actors: InProcessActor[] = []
  try {
    for (let i = 0; i < count; i++) {
      const actor = await startActor(String.fromCodePoint(97 + i), secret, modules, trees[i % trees.length]!)
      actors.push(actor)
      stops.push(async () => await stopActor(actor))
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    secret,
    actors,
    rawHost: async () => {
      const host = await startHost({ identity: await openIdentity(), secret })
      stops.push(async () => await host.stop())
      return host
    },
    [Symbol.asyncDispose]: stop,
  }
}

async function startActor(
  name: string,
  secret: Uint8Array,
  modules: readonly ExposedModule[],
  tree: Tree,
): Promise<InProcessActor> {
  const identity = await openIdentity()
  const host = await startHost({ identity, secret })
  const scope = new CancelScope()
  const self: Target = { name, id: identity.peerId, addresses: host.addresses() }
  const cancels: Cancelled[] = []
  const rpc = await startRpc({
    host,
    self,
    scope,
    namespaces: modules.map((module) => module.namespace),
    onCancelActor: (reason) => {
      cancels.push(reason)
      scope.cancel(reason)
    },
    ...tree,
  })
  return {
    name,
    id: self.id,
    target: self,
    host,
    rpc,
    scope,
    cancels,
    portalTo: (other) => rpc.portal(other.target),
    die: async () => await host.stop(),
  }
}

async function stopActor({ scope, rpc, host }: InProcessActor): Promise<void> {
  scope.cancel('the test is over')
  await rpc.close()
  await host.stop()
  scope.close()
}
