// Streams in both directions: what goes in is a plain async iterable, and so is what comes out.
// `pipe` puts a remote step between two local ones, and backpressure reaches through all three.
import { pipe } from 'it-pipe'
import { expose, openNursery, run } from '../index.ts'

/** Runs in the actor; `lines` are those of the caller, one at a time. */
export async function* upper(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield line.toUpperCase()
}
const chorus = expose(import.meta, { upper })

async function* script(): AsyncGenerator<string> {
  yield* ['have you ever', 'seen a portal?']
}

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const portal = await nursery.startActor('chorus', { modules: [chorus] })
      const lines = await pipe(
        script,
        (source) => portal.run(upper, source),
        (shouted) => Array.fromAsync(shouted),
      )
      console.log(lines.join(' '))
      nursery.cancel()
    }),
  )
}
