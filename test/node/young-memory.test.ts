import { constants, PerformanceObserver } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { BYTES_PER_COLLECTION, noteBuffer } from '../../node/young-memory.ts'
import { eventually } from '../support/eventually.ts'

/** Collections by kind, from now on. */
function watchCollections(): { readonly minor: number; readonly major: number; stop(): void } {
  const counts = { minor: 0, major: 0 }
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail
      if (kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.minor += 1
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.major += 1
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return Object.assign(counts, { stop: () => observer.disconnect() })
}

test('buffers that are done with are collected for every BYTES_PER_COLLECTION of them, without a collection of the whole heap', async () => {
  const piece = 64 * 1024
  const rounds = 200
  const watch = watchCollections()
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  for (let bytes = 0; bytes < rounds * BYTES_PER_COLLECTION; bytes += piece) {
    noteBuffer(piece)
    new Uint8Array(piece).fill(1)
    if (bytes % BYTES_PER_COLLECTION === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }
  await eventually('the collections are counted', () => watch.minor >= rounds - 1)
  watch.stop()
  // One may have been due before.
  expect(watch.major).toBeLessThanOrEqual(1)
  expect(most).toBeLessThan(4 * BYTES_PER_COLLECTION)
})

test('a program sees no collector that it did not ask for', () => {
  noteBuffer(BYTES_PER_COLLECTION)
  expect(globalThis).not.toHaveProperty('gc')
})
