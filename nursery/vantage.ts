import { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, GreenroomError } from '../node/errors.ts'
import type { DiscoverySnapshot, MemberSnapshot, SnapshotOptions } from '../discovery/snapshot.ts'
import { builtinId } from '../rpc/builtins.ts'
import type { Target } from '../rpc/caller.ts'
import type { Portal } from '../rpc/portal.ts'
import { failAfter } from '../node/scopes.ts'

/** Milliseconds that a root is waited for before another one is asked what the mesh is. */
export const GATE_TIMEOUT_MS = 5_000
/** Roots that are remembered, to be asked when the one that is asked now answers no more. */
export const MAX_OTHER_GATES = 16

/** Where a mesh is looked at from. */
export interface Place {
  readonly mesh: string
  readonly self: ActorRef
  /** Whose view it is. */
  readonly gate: Target
  portal(target: Target): Portal
  /** Lets go of what the place holds. */
  close(): Promise<void>
}

/** One way into a mesh: the actor of this process, or a root that answers, in whose place another one comes when it ends. */
export class Vantage {
  readonly mesh: string
  readonly self: ActorRef
  /** What is under way; ends with it. */
  readonly scope = new CancelScope()
  readonly #place: Place
  #gate: Target
  readonly #others = new Map<string, Target>()

  constructor(place: Place) {
    this.mesh = place.mesh
    this.self = place.self
    this.#place = place
    this.#gate = place.gate
  }

  get gate(): Target {
    return this.#gate
  }

  portal(target: Target): Portal {
    const { name, id, addresses } = target
    return this.#place.portal({ name, id, addresses })
  }

  /** @throws GreenroomError `MESH_UNREACHABLE` when no root answers that is known of */
  async look(options: SnapshotOptions): Promise<DiscoverySnapshot> {
    for (;;) {
      const gate = this.#gate
      try {
        const answer = failAfter(GATE_TIMEOUT_MS, async () => await this.portal(gate).call(builtinId('look'), options))
        return (await answer) as DiscoverySnapshot
      } catch (error) {
        if (!isSilence(error) || gate.id === this.self.id) throw error
        if (this.#gate === gate) this.#useAnother(error)
      }
    }
  }

  /** All live actors, the oldest first. */
  async members(): Promise<MemberSnapshot[]> {
    const members: MemberSnapshot[] = []
    for (let after: string | undefined; ;) {
      const page = await this.look(after === undefined ? {} : { after })
      members.push(...page.members)
      if (page.next === null) break
      after = page.next
    }
    this.#remember(members)
    return members
  }

  /** Who was asked does not answer: another root is asked from now on. @throws GreenroomError `MESH_UNREACHABLE` */
  leaveGate(gate: Target, cause: unknown): void {
    if (this.#gate === gate) this.#useAnother(cause)
  }

  async close(): Promise<void> {
    this.scope.cancel('the observer has left')
    await this.#place.close()
    this.scope.close()
  }

  #useAnother(cause: unknown): void {
    const [next] = this.#others.values()
    if (next === undefined)
      throw new GreenroomError('MESH_UNREACHABLE', `no root of mesh '${this.mesh}' answers any more`, { cause })
    this.#others.delete(next.id)
    this.#gate = next
  }

  #remember(members: readonly MemberSnapshot[]): void {
    this.#others.clear()
    for (const { name, id, addresses, parent } of members) {
      if (this.#others.size >= MAX_OTHER_GATES) return
      if (parent === null && id !== this.#gate.id) this.#others.set(id, { name, id, addresses })
    }
  }
}

/** Whether nobody has answered, as opposed to answering with an error. */
export function isSilence(error: unknown): boolean {
  if (error instanceof ActorDied) return true
  return error instanceof GreenroomError && (error.code === 'DEADLINE_EXCEEDED' || error.code === 'ACTOR_TOO_SLOW')
}
