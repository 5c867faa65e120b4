import { compareTexts } from './version.ts'

/** What an arbiter fences its effects with: totally ordered, and never given out twice. */
export interface Token {
  readonly term: number
  readonly inc: number
  readonly peerId: string
}

/** What an arbiter of an elastic electorate says of its side of the mesh. */
export interface Standing {
  /** Counts what was said under one token: the later word has the higher one. */
  readonly rev: number
  /** Roots that have been on its side for a while. */
  readonly weight: number
  /** It sees less than half of the roots that it saw before some were lost. */
  readonly provisional: boolean
}

/** A token and whether its holder is still in office. */
export interface Claim {
  readonly token: Token
  readonly held: boolean
  /** The electorate that gave it; missing for the elastic one. */
  readonly electorate?: string
  readonly standing?: Standing
}

/** Orders tokens by term, then by seniority of the arbiter (younger is higher), then by peer id. */
export function compareTokens(a: Token, b: Token): number {
  return a.term - b.term || a.inc - b.inc || compareTexts(a.peerId, b.peerId)
}

/** Orders claims by token; at the same token a resignation is the later word, and else the higher `rev`. */
export function compareClaims(a: Claim, b: Claim): number {
  const order = compareTokens(a.token, b.token) || Number(b.held) - Number(a.held)
  return order || (a.standing?.rev ?? -1) - (b.standing?.rev ?? -1)
}

/** How many of a committee are more than half of it. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1
}
