import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { joinMesh, type JoinedMesh, openNursery, type Portal } from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { bulk, type Held, held, HighWater, highWater, pieces, swallow } from './fixtures/bulk.ts'

/** Megabytes that either process may hold beyond what it held when idle, however much streams through it. */
const MAX_GROWTH_MB = 128
const GIB = 1024 * 1024 * 1024
const PIECE = 64 * 1024

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh()
})
afterEach(async () => await mesh.leave())

/** Runs a test with an actor in a process of its own that has streamed before, so that what both hold idle is known. */
async function withActor(body: (portal: Portal, idle: { here: Held; there: Held }) => Promise<void>): Promise<void> {
  await openNursery(async (nursery) => {
    const portal = await nursery.startActor('bulk', { modules: [bulk] })
    for await (const _ of portal.run(pieces, PIECE, 500));
    await portal.run(swallow, pieces(PIECE, 500), 0)
    await body(portal, { here: held(), there: await portal.run(held) })
    nursery.cancel()
  })
}

function expectBounded(most: Held, idle: Held): void {
  expect(most.used - idle.used).toBeLessThan(MAX_GROWTH_MB)
  expect(most.resident - idle.resident).toBeLessThan(MAX_GROWTH_MB)
}

test('a gibibyte from another process keeps the memory of both within a bound, also when its consumer begins late', async () => {
  await withActor(async (portal, idle) => {
    const water = new HighWater()
    await portal.run(highWater)
    const stream = portal.run(pieces, PIECE, GIB / PIECE)
    let bytes = (await stream.next()).value?.byteLength ?? 0
    await delay(1_000)
    const reading = (async () => {
      for await (const piece of stream) {
        bytes += piece.byteLength
        water.pass(64)
      }
    })()
    await within('the stream', reading, 60_000)
    expect(bytes).toBe(GIB)
    expectBounded(water.take(), idle.here)
    expectBounded(await portal.run(highWater), idle.there)
  })
}, 180_000)

test('a gibibyte as an argument does so as well', async () => {
  await withActor(async (portal, idle) => {
    const water = new HighWater()
    async function* source(): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces(PIECE, GIB / PIECE)) {
        water.pass(64)
        yield piece
      }
    }
    const { bytes, most } = await within('the call', portal.run(swallow, source(), 1_000), 60_000)
    expect(bytes).toBe(GIB)
    expectBounded(water.take(), idle.here)
    expectBounded(most, idle.there)
  })
}, 180_000)

test('a million chunks of one byte do so as well', async () => {
  await withActor(async (portal, idle) => {
    const water = new HighWater()
    await portal.run(highWater)
    let bytes = 0
    const stream = portal.run(pieces, 1, 1_000_000)
    await stream.next()
    await delay(500)
    const reading = (async () => {
      for await (const piece of stream) {
        bytes += piece.byteLength
        water.pass(1_024)
      }
    })()
    await within('the stream', reading, 60_000)
    expect(bytes).toBe(999_999)
    expectBounded(water.take(), idle.here)
    expectBounded(await portal.run(highWater), idle.there)
  })
}, 180_000)
