/** Bytes of buffers that are made until those that nobody uses any more are collected. */
export const BYTES_PER_COLLECTION = 4 * 1024 * 1024

type Collect = (options: { readonly type: 'minor'; readonly execution: 'sync' }) => void

let uncollected = 0
let collect: Collect | undefined | null

/**
 * Says that a buffer was made which its user will soon be done with.
 *
 * Buffers lie outside of V8's heap, so the young generation, where they could be collected in a tenth of a millisecond,
 * never fills up with them: V8 notices megabytes later, and then marks the whole heap, several milliseconds long. A
 * collection of the young generation for every few megabytes of buffers spares that.
 */
export function noteBuffer(bytes: number): void {
  uncollected += bytes
  if (uncollected < BYTES_PER_COLLECTION) return
  uncollected = 0
  collect ??= findCollect()
  collect?.({ type: 'minor', execution: 'sync' })
}

/** V8 shows its collector to contexts that are made while the flag is set; without it nothing is collected early. */
function findCollect(): Collect | null {
  // Asked for here: most actors never need them, and each start would load them.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  const { runInNewContext } = process.getBuiltinModule('node:vm')
  try {
    setFlagsFromString('--expose-gc')
    return runInNewContext('gc') as Collect
  } catch {
    return null
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
