import type { Actor } from '../node/current-actor.ts'
import { type MeshOptions, startRoot } from './root.ts'

/** An actor inside a service that owns the process. */
export interface JoinedMesh extends AsyncDisposable {
  readonly actor: Actor
  /** Takes the actor down; the process goes on and may join again. Later calls wait for the first one. */
  leave(): Promise<void>
}

/**
 * Makes this process an actor without owning it: no signal handlers, no exit.
 *
 * @throws GreenroomError `ALREADY_RUNNING` while this process is an actor
 * @example
 * ```ts
 * await using mesh = await joinMesh({ mesh: 'demo', name: 'web' })
 * console.log(`${mesh.actor.name} is up`)
 * ```
 */
export async function joinMesh(options: MeshOptions = {}): Promise<JoinedMesh> {
  const runtime = await startRoot(options)
  const leave = async (): Promise<void> => await runtime.stop('the service left the mesh')
  return { actor: runtime.actor, leave, [Symbol.asyncDispose]: leave }
}
