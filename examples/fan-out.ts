// One remote stream, several local consumers: each gets every item, and who is too slow is told what it has lost.
import { expose, fanOut, Lagged, openNursery, run, sleep, type Subscription } from '../index.ts'

export async function* frames(count: number): AsyncGenerator<number> {
  for (let frame = 1; frame <= count; frame++) {
    yield frame
    await sleep(1)
  }
}
const camera = expose(import.meta, { frames })

async function counter(all: Subscription<number>): Promise<string> {
  let count = 0
  for await (const _ of all) count++
  return `counted ${count} frames`
}

async function screen(all: Subscription<number>): Promise<string> {
  let shown = 0
  let missed = 0
  for (;;)
    try {
      for await (const _ of all) {
        shown++
        await sleep(20)
      }
      return `showed or missed ${shown + missed} frames, and ${missed > 0 ? 'knows' : 'does not know'} of lost ones`
    } catch (error) {
      if (!(error instanceof Lagged)) throw error
      missed += error.missed
    }
}

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const portal = await nursery.startActor('camera', { modules: [camera] })
      await using shared = fanOut(portal.run(frames, 100), { buffer: 4 })
      const consumers = [counter(shared.subscribe()), counter(shared.subscribe()), screen(shared.subscribe())]
      for (const line of await Promise.all(consumers)) console.log(line)
      nursery.cancel()
    }),
  )
}
