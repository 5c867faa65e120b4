import { compareTokens } from './token.ts'
import type { Token } from './token.ts'

/** What a claim of a name is fenced with: the token of the arbiter that granted it, and the how-manieth grant it was. */
export interface Fence extends Token {
  readonly serial: number
}

/** Orders fences: by the arbiters' tokens, then by serial. No two grants have the same. */
export function compareFences(a: Fence, b: Fence): number {
  return compareTokens(a, b) || a.serial - b.serial
}
