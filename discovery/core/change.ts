import type { ActorRecord } from '../record.ts'

/**
 * Why an actor is gone: it said so, somebody saw it, an actor above it is gone, or the same peer id began a new life.
 */
export type Gone = 'left' | 'dead' | 'subtree' | 'restarted'

/** A change of what the registry shows. */
export type Change =
  | { readonly type: 'up'; readonly record: ActorRecord }
  | { readonly type: 'updated'; readonly record: ActorRecord; readonly previous: ActorRecord }
  | { readonly type: 'down'; readonly record: ActorRecord; readonly why: Gone }

/**
 * What became of a fact: `new` was taken, `same` was known, `older` lost against a later one, `accused` is a record
 * whose life was already ended by somebody, `full` did not fit, `incredible` is an accusation of a life that its owner
 * cannot have got to.
 */
type Outcome = 'new' | 'same' | 'older' | 'accused' | 'full' | 'incredible'

/** The result of merging one fact. */
export interface Merge {
  readonly outcome: Outcome
  readonly changes: readonly Change[]
}
