import { openNursery, type Portal, run } from '../index.ts'
import { actors, count, echo } from './actors.ts'
import { Floor, forkOnce } from './floor.ts'
import { type Measure, measure, ratePerSecond, ROUNDS } from './measure.ts'

/** A 64-byte argument, as RPC comparisons use. */
const ARGUMENT = 'x'.repeat(64)
const WINDOW_MS = 400
const STREAM_ITEMS = 100_000

/** Prints one table: floors and greenroom interleaved in the same run, medians, and the ratio to the floor. */
await run(() =>
  openNursery(async (nursery) => {
    await using floor = await Floor.start()
    const portal = await nursery.startActor('echo', { modules: [actors] })
    console.log(`medians of ${ROUNDS}; ratio: 1 is the floor, more is better\n`)
    console.log(row('measure', 'unit', 'floor', 'greenroom', 'ratio'))
    for (const one of [...calls(floor, portal), stream(floor, portal), spawn()]) {
      const { floor: base, greenroom, ratio } = await measure(one)
      console.log(row(one.name, one.unit, show(base), show(greenroom), ratio.toFixed(2)))
    }
    nursery.cancel()
  }),
)

function calls(floor: Floor, portal: Portal): Measure[] {
  return [1, 64, 256].map((inFlight) => ({
    name: `calls, ${inFlight} in flight`,
    unit: 'calls/s',
    higherIsBetter: true,
    floor: () => ratePerSecond(inFlight, WINDOW_MS, () => floor.echo(ARGUMENT)),
    greenroom: () => ratePerSecond(inFlight, WINDOW_MS, () => portal.run(echo, ARGUMENT)),
  }))
}

function stream(floor: Floor, portal: Portal): Measure {
  return {
    name: 'stream of small items (floor: 256 echoes in flight)',
    unit: 'items/s',
    higherIsBetter: true,
    floor: () => ratePerSecond(256, WINDOW_MS, () => floor.echo(1)),
    greenroom: async () => {
      const start = performance.now()
      let items = 0
      for await (const _ of portal.run(count, STREAM_ITEMS)) items += 1
      return (items * 1_000) / (performance.now() - start)
    },
  }
}

function spawn(): Measure {
  return {
    name: 'spawn to first result (floor: a bare Node process)',
    unit: 'ms',
    higherIsBetter: false,
    floor: forkOnce,
    greenroom: async () => {
      const start = performance.now()
      return await openNursery(async (nursery) => {
        const portal = await nursery.runInActor('echo', echo, ARGUMENT)
        await portal.result()
        return performance.now() - start
      })
    },
  }
}

function show(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
}

function row(name: string, unit: string, floor: string, greenroom: string, ratio: string): string {
  return `${name.padEnd(54)} ${unit.padEnd(8)} ${floor.padStart(10)} ${greenroom.padStart(10)} ${ratio.padStart(6)}`
}
