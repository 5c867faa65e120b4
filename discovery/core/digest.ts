/** The two hashes, of 32 bits with a sign, that one actor's version adds to a digest. */
export type VersionHash = readonly [number, number]

/** The place of a peer id among all of them: 32 bits with a sign, evenly spread. */
export function placeOf(peerId: string): number {
  return spread(fnv(peerId))
}

/**
 * Hashes the version of a record; two independent sums of 32 bits keep chance collisions out of any real mesh. The
 * signature counts as well: an owner that signs two records of one version must not keep two registries apart.
 */
export function hashVersion(
  peerId: string,
  version: { readonly inc: number; readonly rev: number; readonly seq: number },
  signature: Uint8Array,
): VersionHash {
  let first = 0x811c9dc5
  let second = 0x9e3779b9
  for (let index = 0; index < peerId.length; index++) {
    const code = peerId.charCodeAt(index)
    first = Math.imul(first ^ code, 0x01000193)
    second = Math.imul(second ^ code, 0x85ebca6b)
  }
  const { inc, rev, seq } = version
  for (const part of [inc | 0, inc / 2 ** 32, rev, rev / 2 ** 32, seq, seq / 2 ** 32]) {
    first = spread(first ^ part)
    second = Math.imul(second ^ first, 0x85ebca6b) ^ (second >>> 13)
  }
  for (let index = 0; index < 8; index++) {
    const byte = signature[index] ?? 0
    first = Math.imul(first ^ byte, 0x01000193)
    second = Math.imul(second ^ byte, 0x85ebca6b)
  }
  return [spread(first), spread(second)]
}

// Fowler, Noll, Vo: FNV-1a
function fnv(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}

// The finaliser of MurmurHash3 (Austin Appleby, public domain): FNV alone leaves the last characters badly mixed.
function spread(hash: number): number {
  let mixed = hash
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
