import { currentLedger, type Telling } from './ledger-keeper.ts'
import { OVERLAP_MS } from './rotation.ts'

export interface RotateOptions {
  /** Milliseconds that the former secret goes on to open connections, 1 second to 1 hour; default 60,000. */
  readonly overlapMs?: number
}

/** What became of a change of the secret. */
export interface RotatedSecret extends Telling {
  /** How often the secret of this mesh has changed. */
  readonly epoch: number
  /** Until when the former secret opens connections here: milliseconds since 1970. */
  readonly until: number
}

/**
 * Changes the secret of a named mesh while it runs: connections, calls and streams go on, and so do actors below every root.
 *
 * Roots tell each other. A root that was away gets the new secret at the door of another one within seven days, if it was seen by
 * that one, or by the one that changed the secret, before the change, and has kept its identity. Nobody is told who is banned, nor
 * who came with the former secret after the change; they need a new invitation. Invitations that were made before are worth nothing afterwards.
 *
 * @throws InvalidArgument when the overlap is out of bounds
 * @throws GreenroomError `NO_LEDGER` when this process is no root of a named mesh
 * @example
 * ```ts
 * const { told, untold } = await rotateSecret()
 * console.log(`told at once: ${told.join(', ')}; later: ${untold.join(', ')}`)
 * ```
 */
export async function rotateSecret({ overlapMs = OVERLAP_MS }: RotateOptions = {}): Promise<RotatedSecret> {
  const told = await currentLedger().rotate(overlapMs)
  return { ...told, until: Date.now() + overlapMs }
}
