// An endless stream from another process, cut after one second (or as many milliseconds as given):
// the cancel reaches the generator over there, and its actor ends.
import assert from 'node:assert/strict'
import { expose, moveOnAfter, openNursery, run, sleep } from '../index.ts'

export async function* streamForever(): AsyncGenerator<string> {
  for (;;) {
    yield 'I can see these little future bubble things'
    await sleep(10)
  }
}
const bubbles = expose(import.meta, { streamForever })

if (import.meta.main) {
  const ms = Number(process.argv[2] ?? 1_000)
  await run(async () => {
    const { cancelled } = await moveOnAfter(ms, () =>
      openNursery(async (nursery) => {
        try {
          const donny = await nursery.startActor('donny', { modules: [bubbles] })
          for await (const bubble of donny.run(streamForever)) console.log(bubble)
        } finally {
          assert(nursery.cancelled)
        }
      }),
    )
    assert(cancelled)
    console.log(`${ms} ms are over`)
  })
}
