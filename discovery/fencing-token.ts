import type { Fence } from './core/fence.ts'
import type { Token } from './core/token.ts'

/**
 * What an outside resource tells an older holder from a newer one by: later holders have higher tokens. The resource
 * keeps the highest token that it has seen and refuses whatever comes with a lower one (Kleppmann, "How to do
 * distributed locking", 2016).
 */
export interface FencingToken {
  /** The term of the arbiter that granted it. */
  readonly term: number
  /** The how-manieth grant of that arbiter it was; 0 for the arbiter's own office. */
  readonly serial: number
  /**
   * The whole token as text, at most 256 characters: of two tokens the lower one has the lower text, compared by code
   * unit (`<` in JavaScript, a binary collation in a database). No two grants have the same, also of two arbiters that
   * were elected in one term in two parts of a cut mesh.
   */
  readonly order: string
}

/**
 * Orders fencing tokens: negative when `a` is the older one, 0 when they are the same.
 *
 * @example
 * ```ts
 * if (compareFencingTokens(token, highest) < 0) throw new Error('this writer is stale')
 * ```
 */
export function compareFencingTokens(a: FencingToken, b: FencingToken): number {
  return a.order < b.order ? -1 : a.order > b.order ? 1 : 0
}

/** The public view of a fence; `serial` is 0 for an arbiter's own token. */
export function fencingToken(fence: Fence | Token): FencingToken {
  const serial = 'serial' in fence ? fence.serial : 0
  const { term, inc, peerId } = fence
  return { term, serial, order: `${fixed(term)}.${fixed(inc)}.${peerId}.${fixed(serial)}` }
}

/** A whole number as text of one length, so that texts compare as the numbers do. */
function fixed(number: number): string {
  return number.toString(16).padStart(14, '0')
}
