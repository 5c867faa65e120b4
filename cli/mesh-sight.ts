import {
  type ArbiterSnapshot,
  type DiscoverySnapshot,
  type MemberSnapshot,
  type MeshObserver,
  observeMesh,
  type Portal,
} from '../index.ts'
import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { findOne } from './find-one.ts'

/** What a subcommand sees of a mesh: what the root that it looks through knew when it was asked last. */
export class MeshSight implements AsyncDisposable {
  readonly observer: MeshObserver
  #snapshot: DiscoverySnapshot
  #members: readonly MemberSnapshot[]

  constructor(observer: MeshObserver, snapshot: DiscoverySnapshot, members: readonly MemberSnapshot[]) {
    this.observer = observer
    this.#snapshot = snapshot
    this.#members = members
  }

  get mesh(): string {
    return this.observer.mesh
  }

  snapshot(): DiscoverySnapshot {
    return this.#snapshot
  }

  arbiter(): ArbiterSnapshot | null {
    return this.#snapshot.arbiter
  }

  /** Every live actor, the oldest first. */
  members(): readonly MemberSnapshot[] {
    return this.#members
  }

  /** By name, id or the end of an id. @throws CommandError `NO_SUCH_ACTOR`, `AMBIGUOUS` */
  member(given: string): MemberSnapshot {
    return findOne(this.#members, given)
  }

  portal(member: MemberSnapshot): Portal {
    return this.observer.portal(member)
  }

  /** Asks again: for the members only when the root knows something else than before. */
  async refresh(): Promise<void> {
    const snapshot = await this.observer.snapshot({ limit: 0 })
    if (stateOf(snapshot) !== stateOf(this.#snapshot)) this.#members = await this.observer.members()
    this.#snapshot = snapshot
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.observer.leave()
  }
}

/** @throws CommandError `NOBODY_THERE` when no program of the mesh can be reached */
export async function seeMesh(mesh: string): Promise<MeshSight> {
  const observer = await connect(mesh)
  try {
    return new MeshSight(observer, ...(await lookAround(observer)))
  } catch (error) {
    await observer.leave()
    throw error
  }
}

async function connect(mesh: string): Promise<MeshObserver> {
  try {
    return await observeMesh({ mesh })
  } catch (error) {
    if (!(error instanceof Error) || (error as { code?: unknown }).code !== 'MESH_UNREACHABLE') throw error
    throw new CommandError(
      'NOBODY_THERE',
      EXIT.unreachable,
      `${error.message}\n'greenroom up --mesh ${mesh}' runs a peer here, 'greenroom join <invitation>' joins a mesh of other machines, ` +
        "'greenroom context list' shows the meshes that you named",
      { mesh },
    )
  }
}

async function lookAround(observer: MeshObserver): Promise<[DiscoverySnapshot, readonly MemberSnapshot[]]> {
  return await Promise.all([observer.snapshot({ limit: 0 }), observer.members()])
}

/** What a list of members depends on: it is large, and the same most of the time. */
function stateOf({ digest, suspicions, links }: DiscoverySnapshot): string {
  return JSON.stringify([digest, suspicions.map(({ accused }) => accused.id), links.map(({ id }) => id)])
}
