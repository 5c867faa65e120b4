import { randomBytes } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { isSecretRefused } from '../discovery/dial-outcome.ts'
import { newInvitationAdvice } from '../discovery/gatehouse.ts'
import { type MeshFiles, openMesh } from '../discovery/mesh-files.ts'
import { checkActorName } from '../node/actor-name.ts'
import { CancelScope, outsideScopes } from '../node/cancel-scope.ts'
import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import { type CallingHost, startCallingHost } from '../node/host.ts'
import { openIdentity } from '../node/identity.ts'
import { MeshSecrets } from '../node/mesh-secrets.ts'
import type { Target } from '../rpc/caller.ts'
import { TREE_KEY_BYTES } from '../rpc/kinship.ts'
import { type Rpc, startRpc } from '../rpc/rpc.ts'
import { type ActorRuntime, currentRuntime } from './actor-runtime.ts'
import { resolveJoining } from './joining.ts'
import type { MeshObserver } from './mesh-observer.ts'
import { Vantage } from './vantage.ts'
import { VantageObserver } from './vantage-observer.ts'

/** Roots of this machine that an observer tries to reach at a time; the first that answers is its gate. */
export const MAX_GATES_TRIED = 3

/** Which mesh is observed, and as whom. */
export interface ObserveOptions {
  /** Name of the mesh; default `GREENROOM_MESH`. In an actor, and without one, it is the mesh of that actor. */
  readonly mesh?: string
  /** How acts name the observer, 1 to 256 bytes; default the user and the machine. */
  readonly name?: string
  /** As for `run`: an invitation, or addresses of roots; default what this machine knows of the mesh. */
  readonly join?: string | readonly string[]
}

/**
 * Looks at a whole mesh. An actor looks from where it is; a process that is none connects to one root as an observer: it has no
 * record, so nobody finds or counts it, it listens nowhere, and whenever it ends nothing of it is left with others.
 *
 * @throws GreenroomError `MESH_UNREACHABLE` when no root of the mesh answers, `SECRET_CHANGED` when this machine was away while
 * the secret was changed
 * @throws InvalidArgument when no mesh is named and this process is no actor
 * @example
 * ```ts
 * await using mesh = await observeMesh({ mesh: 'demo' })
 * for (const tree of (await mesh.trees()).trees) console.log(showTree(tree))
 * for await (const event of mesh.events()) console.log(event.type)
 * ```
 */
export async function observeMesh(options: ObserveOptions = {}): Promise<MeshObserver> {
  const { name = ownName() } = options
  checkActorName(name)
  const runtime = options.mesh === undefined && options.join === undefined ? runtimeHere() : undefined
  if (runtime !== undefined) return new VantageObserver(new Vantage(placeOf(runtime)))
  return await outsideScopes(async () => await observeFromOutside(options, name))
}

function runtimeHere(): ActorRuntime | undefined {
  try {
    return currentRuntime()
  } catch {
    return undefined
  }
}

function placeOf({ options, self, rpc }: ActorRuntime): ConstructorParameters<typeof Vantage>[0] {
  return {
    mesh: options.mesh,
    self,
    gate: self,
    portal: (target) => rpc.portal(target),
    close: async () => {},
  }
}

async function observeFromOutside({ mesh: named, join }: ObserveOptions, name: string): Promise<MeshObserver> {
  const { mesh, hints } = await resolveJoining(named ?? (process.env['GREENROOM_MESH'] || undefined), join)
  if (mesh === undefined)
    throw new InvalidArgument("which mesh is to be observed? give observeMesh() a 'mesh', or set GREENROOM_MESH")
  const files = await openMesh(mesh)
  const { rendezvous, ledger } = files
  let entries: Target[]
  try {
    entries = (await rendezvous.entries()).map(({ peerId, addrs, name: of }) => ({
      name: of,
      id: peerId,
      addresses: addrs,
    }))
  } finally {
    await rendezvous.close()
  }
  const elsewhere = hints.map(({ peerId, addrs }) => ({ name: 'a root', id: peerId, addresses: addrs }))
  const identity = await openIdentity()
  const secrets = new MeshSecrets(ledger.secrets)
  const host = dialsAgain(await startCallingHost({ identity, secret: secrets }), secrets, files)
  const scope = new CancelScope()
  const self: Target = { name, id: identity.peerId, addresses: [] }
  const rpc = await startRpc({
    host,
    self,
    scope,
    serves: false,
    namespaces: [],
    onCancelActor: () => {},
    // of a tree that nobody else is in
    treeKey: new Uint8Array(randomBytes(TREE_KEY_BYTES)),
    stacks: 'none',
  })
  const close = async (): Promise<void> => {
    scope.cancel('the observer has left')
    await rpc.close(0)
    await host.stop()
  }
  try {
    const gate = await firstToAnswer(rpc, [...entries, ...elsewhere], mesh)
    return new VantageObserver(new Vantage({ mesh, self, gate, portal: (target) => rpc.portal(target), close }))
  } catch (error) {
    await close()
    throw error
  }
}

/** Nobody tells an observer that the secret has changed: who cannot be reached is dialled again when another one is kept here. */
function dialsAgain(host: CallingHost, secrets: MeshSecrets, files: MeshFiles): CallingHost {
  const withNewest =
    <A extends unknown[], T>(dial: (...to: A) => Promise<T>) =>
    async (...to: A): Promise<T> => {
      const tried = secrets.newest
      try {
        return await dial(...to)
      } catch (error) {
        // what cannot be read is as if nothing had changed
        secrets.set(await files.readSecrets().catch(() => secrets.valid()))
        if (Buffer.from(tried).equals(secrets.newest)) throw error
        return await dial(...to)
      }
    }
  return {
    ...host,
    connect: withNewest(async (...to: Parameters<CallingHost['connect']>) => await host.connect(...to)),
    reach: withNewest(async (...to: Parameters<CallingHost['reach']>) => await host.reach(...to)),
  }
}

/** @throws GreenroomError `MESH_UNREACHABLE`, `SECRET_CHANGED` */
async function firstToAnswer(rpc: Rpc, roots: readonly Target[], mesh: string): Promise<Target> {
  const failures: unknown[] = []
  for (let at = 0; at < roots.length; at += MAX_GATES_TRIED) {
    const tried = roots.slice(at, at + MAX_GATES_TRIED)
    try {
      return await Promise.any(
        tried.map(async (root) => {
          await rpc.reach(root)
          return root
        }),
      )
    } catch (error) {
      failures.push(...(error as AggregateError).errors)
    }
  }
  if (failures.some(isSecretRefused))
    throw new GreenroomError(
      'SECRET_CHANGED',
      `mesh '${mesh}' cannot be reached from here: who answers has another secret than this machine, it has changed since: ${newInvitationAdvice(mesh)}`,
      { cause: failures.find(isSecretRefused) },
    )
  const what =
    roots.length === 0 ? 'no program of it is known on this machine' : `none of ${roots.length} roots answers`
  throw new GreenroomError('MESH_UNREACHABLE', `mesh '${mesh}' cannot be reached from here: ${what}`, {
    cause: failures[0],
  })
}

function ownName(): string {
  let user = 'somebody'
  try {
    user = userInfo().username
  } catch {
    // a container may have no name for its user
  }
  return `${user}@${hostname()}`.slice(0, 64)
}
