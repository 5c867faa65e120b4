import type { ActorRef, ActorTree, LogLine } from '../../index.ts'
import type { MeshModel } from '../model/mesh-model.ts'

/** A line of the log that is followed, or that some of it is missing. */
export type ShownLine = LogLine | { readonly missing: string; readonly at: number }

/** What there is to see. */
export interface Seen {
  readonly mesh: string
  /** As whose guest the mesh is looked at. */
  readonly gate: ActorRef
  readonly model: MeshModel
  /** Milliseconds since 1970. */
  readonly now: number
  /** What the actor that is looked at waits for and supervises; why it did not tell. */
  readonly tree: { readonly id: string; readonly tree?: ActorTree; readonly silent?: string } | undefined
  /** Of the actor whose log is followed, the oldest first. */
  readonly log: readonly ShownLine[]
  /** What became of the last act, or what is wrong with looking. */
  readonly note: { readonly text: string; readonly bad: boolean } | undefined
}

export interface Size {
  readonly columns: number
  readonly rows: number
}
