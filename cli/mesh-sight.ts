import {
  type ArbiterSnapshot,
  type DiscoverySnapshot,
  discovery,
  findActors,
  joinMesh,
  type MemberSnapshot,
  type Portal,
} from '../index.ts'
import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { findOne } from './find-one.ts'

/** What a subcommand sees of a mesh while it looks. */
export class MeshSight implements AsyncDisposable {
  readonly mesh: string
  readonly #self: string
  readonly #leave: () => Promise<void>

  constructor(mesh: string, self: string, leave: () => Promise<void>) {
    this.mesh = mesh
    this.#self = self
    this.#leave = leave
  }

  snapshot(): DiscoverySnapshot {
    return discovery.snapshot()
  }

  arbiter(): ArbiterSnapshot | null {
    return discovery.snapshot({ limit: 0 }).arbiter
  }

  /** Every actor but the command itself, the oldest first. */
  members(): MemberSnapshot[] {
    const members: MemberSnapshot[] = []
    for (let after: string | undefined; ;) {
      const page = discovery.snapshot(after === undefined ? {} : { after })
      members.push(...page.members.filter(({ id }) => id !== this.#self))
      if (page.next === null) return members
      after = page.next
    }
  }

  /** By name, id or the end of an id. */
  portal(given: string): Portal {
    const { id } = findOne(this.members(), given)
    return this.portals().get(id)!
  }

  portals(): Map<string, Portal> {
    return new Map(findActors().map((portal) => [portal.id, portal]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave()
  }
}

/** @throws CommandError `NOBODY_THERE` when no program of the mesh can be reached */
export async function seeMesh(mesh: string): Promise<MeshSight> {
  const joined = await joinMesh({ mesh, name: 'greenroom-command' })
  const sight = new MeshSight(mesh, joined.actor.id, async () => await joined.leave())
  if (sight.members().length > 0) return sight
  await joined.leave()
  throw new CommandError(
    'NOBODY_THERE',
    EXIT.unreachable,
    `no program of mesh '${mesh}' can be reached from this machine: 'greenroom up --mesh ${mesh}' runs a peer here, ` +
      "'greenroom join <invitation>' joins a mesh of other machines, 'greenroom context list' shows the meshes that you named",
    { mesh },
  )
}
