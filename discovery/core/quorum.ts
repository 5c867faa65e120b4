import { placeOf } from './digest.ts'
import { compareTexts } from './version.ts'

/** Most electors that can be declared. */
export const MAX_ELECTORS = 15

/** A declared electorate: the names of its electors, or only how many there are. */
export interface Quorum {
  /** Sorted; undefined when the first `size` roots that meet are the electors. */
  readonly electors: readonly string[] | undefined
  readonly size: number
  /** What all members of a mesh have to declare alike; it travels with claims and votes. */
  readonly name: string
}

/** Makes a declared electorate of the names of its electors, or of how many there are. */
export function declareQuorum(declared: readonly string[] | number): Quorum {
  if (typeof declared === 'number') return { electors: undefined, size: declared, name: `size:${declared}` }
  const electors = declared.toSorted(compareTexts)
  return { electors, size: electors.length, name: `names:${nameOfRoll(electors)}` }
}

/**
 * What an elector of a declared electorate must not forget when its process dies: it is on disk before a message that
 * depends on it is sent.
 */
export interface KeptVotes {
  /** Names of all electors, sorted. */
  readonly roll: readonly string[]
  /** Every elector of the roll has agreed on it, and this one knows a term that it has not voted beyond. */
  readonly settled: boolean
  /** The highest term voted in, or not to be voted in any more. */
  readonly term: number
  /** Who got the vote of that term. */
  readonly candidate: { readonly peerId: string; readonly inc: number } | null
}

/** A short text that stands for a list of names. */
export function nameOfRoll(roll: readonly string[]): string {
  const text = JSON.stringify(roll)
  return [placeOf(`1${text}`), placeOf(`2${text}`)].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Whether two lists of names are the same. */
export function sameRoll(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index])
}
