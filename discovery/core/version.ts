/** The version of a record; see `ActorRecord`. */
export interface Version {
  readonly inc: number
  readonly rev: number
  readonly seq: number
}

/** The part of a version that an accusation names: only its owner can raise it. */
export interface Life {
  readonly inc: number
  readonly rev: number
}

/** Orders lives of one peer id: negative when `a` is older than `b`, 0 when they are the same. */
export function compareLives(a: Life, b: Life): number {
  return a.inc - b.inc || a.rev - b.rev
}

/** Orders versions of one peer id's record: negative when `a` is older than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return compareLives(a, b) || a.seq - b.seq
}

/** Orders actors by seniority, oldest first; the peer id decides between two that booted in the same millisecond. */
export function compareAge(a: Seniority, b: Seniority): number {
  return a.inc - b.inc || compareTexts(a.peerId, b.peerId)
}

/** What the seniority of an actor is read from. */
export interface Seniority {
  readonly inc: number
  readonly peerId: string
}

/** Orders texts by code unit, the same on every machine whatever its locale. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Whether two lists of texts are the same. */
export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}

/** Orders bytes, shorter first when one is the start of the other. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
