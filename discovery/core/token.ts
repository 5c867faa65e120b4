import { compareTexts } from './version.ts'

/** What an arbiter fences its effects with: totally ordered, and never given out twice. */
export interface Token {
  readonly term: number
  readonly inc: number
  readonly peerId: string
}

/** A token and whether its holder is still in office. */
export interface Claim {
  readonly token: Token
  readonly held: boolean
}

/** Orders tokens by term, then by seniority of the arbiter (younger is higher), then by peer id. */
export function compareTokens(a: Token, b: Token): number {
  return a.term - b.term || a.inc - b.inc || compareTexts(a.peerId, b.peerId)
}

/** Orders claims by token; at the same token a resignation is the later word. */
export function compareClaims(a: Claim, b: Claim): number {
  return compareTokens(a.token, b.token) || Number(b.held) - Number(a.held)
}

/** How many of a committee are more than half of it. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1
}
