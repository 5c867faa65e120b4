import { pack } from 'msgpackr'
import { expect, test } from 'vitest'
import { expose, readVitals, sleep } from '../../index.ts'
import { MAX_BRIEF_STREAMS } from '../../nursery/actor-vitals.ts'
import { Stats } from '../../rpc/stats.ts'
import { openTestMesh } from '../../testing/index.ts'

/** Bytes of brief vitals, at most: three times a second from each host. */
const MOST_BYTES = 32 * 1024

function hi(): string {
  return 'hi'
}

async function* drip(): AsyncGenerator<number> {
  for (let i = 0; ; i++) {
    yield i
    await sleep(600_000)
  }
}

const stage = expose(import.meta, { hi, drip }, 'stage')

test('brief vitals have counts and some streams, and neither functions, connections nor counters', async () => {
  await using mesh = await openTestMesh()
  const actor = await mesh.startActor('busy', { modules: [stage] })
  await mesh.act(async () => {
    await actor.portal.run(hi)
    const streams = Array.from({ length: MAX_BRIEF_STREAMS + 4 }, () => actor.portal.run(drip))
    for (const stream of streams) await stream.next()
    const whole = await readVitals(actor.portal)
    const brief = await readVitals(actor.portal, { brief: true })
    expect(whole.streams).toHaveLength(MAX_BRIEF_STREAMS + 4)
    expect(whole.stats.functions.map(({ id }) => id).toSorted()).toEqual(['stage#drip', 'stage#hi'])
    expect(whole.connections.length).toBeGreaterThan(0)
    expect(brief).toMatchObject({ leftOut: 4, connections: [], stats: { functions: [] }, discovery: { counters: {} } })
    // the clocks are compared anew in each answer
    const first = whole.streams.slice(0, MAX_BRIEF_STREAMS)
    expect(brief.streams).toEqual(first.map((stream) => ({ ...stream, since: expect.closeTo(stream.since, -1) })))
    const { started, inFlight } = brief.stats.served
    expect({ started, inFlight }).toEqual({ started: 1 + streams.length, inFlight: streams.length })
    expect(pack(brief).length).toBeLessThan(8 * 1024)
    for (const stream of streams) await stream.return()
  })
})

test('brief counts take so many bytes at most, whatever was called however often and however long it took', () => {
  const stats = new Stats()
  for (let f = 0; f < 600; f++) {
    const counter = stats.served(`module#function-${f}`, 'value')
    for (let us = 1; us < 2 ** 32; us = Math.ceil(us * 1.01)) {
      counter.latency.record(us, 2 ** 40)
      stats.made.latency.record(us, 2 ** 40)
    }
  }
  const brief = stats.read(true)
  expect(brief.served.latency.buckets.length).toBeGreaterThan(800)
  expect(brief.made.latency).toMatchObject({ count: expect.any(Number) as number, buckets: [] })
  expect(pack(brief).length).toBeLessThan(MOST_BYTES)
  expect(pack(stats.read()).length).toBeGreaterThan(2 * MOST_BYTES)
})
