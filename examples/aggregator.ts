// Four processes: an aggregator starts two streamers and passes each value on once, as it arrives.
// What a portal streams is a plain async iterable, so `pipe` composes it with ordinary generators.
import assert from 'node:assert/strict'
import { pipe } from 'it-pipe'
import { type Context, expose, openNursery, run } from '../index.ts'

/** Runs in the two streamers. */
export async function* streamData(count: number): AsyncGenerator<number> {
  for (let value = 0; value < count; value++) yield value
}

/** Runs in the aggregator; its streamers are its own children and end with its nursery. */
export async function aggregate(ctx: Context<number>, count: number): Promise<void> {
  const seen = new Set<number>()
  const up = ctx.stream()

  async function* unique(values: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const value of values) {
      if (seen.has(value)) continue
      seen.add(value)
      yield value
    }
  }
  async function sendUp(values: AsyncIterable<number>): Promise<void> {
    for await (const value of values) await up.send(value)
  }

  await openNursery(async (nursery) => {
    const streamers = await Promise.all([
      nursery.runInActor('streamer_1', streamData, count),
      nursery.runInActor('streamer_2', streamData, count),
    ])
    for (const streamer of streamers) nursery.start(() => pipe(streamer.result(), unique, sendUp))
  })
}

export const aggregator = expose(import.meta, { streamData, aggregate })

if (import.meta.main) {
  const count = 1_000
  await run(() =>
    openNursery(async (nursery) => {
      const beforeSpawn = performance.now()
      const portal = await nursery.startActor('aggregator', { modules: [aggregator] })
      await using feed = await portal.openContext(aggregate, count)
      const values: number[] = []
      let started = Number.NaN
      for await (const value of feed.stream()) {
        if (values.length === 0) started = performance.now()
        values.push(value)
      }
      const ended = performance.now()
      nursery.cancel()

      console.log(`STREAM TIME = ${Math.round(ended - started)} ms`)
      console.log(`STREAM + SPAWN TIME = ${Math.round(ended - beforeSpawn)} ms`)
      assert.deepEqual(
        values,
        Array.from({ length: count }, (_, i) => i),
      )
      console.log(`${values.length} unique values`)
    }),
  )
}
