// A context: one call, many messages. Several tasks of the callee send on it at the same time.
import { type Context, type ContextStream, expose, openNursery, run, sleep } from '../index.ts'

async function streamer(stream: ContextStream<string, unknown>, source: string, rate: number): Promise<void> {
  for (let issue = 1; issue <= 3; issue++) {
    await stream.send(`${source} #${issue}`)
    await sleep(1_000 / rate)
  }
}

export async function streamMultipleSources(
  ctx: Context<string, never, string>,
  sources: readonly string[],
): Promise<void> {
  ctx.started(`${sources.length} sources`)
  const stream = ctx.stream()
  await openNursery((nursery) => {
    for (const [i, source] of sources.entries()) nursery.start(() => streamer(stream, source, 20 + 10 * i))
  })
}
const feeds = expose(import.meta, { streamMultipleSources })

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const reporter = await nursery.startActor('reporter', { modules: [feeds] })
      await using context = await reporter.openContext(streamMultipleSources, ['news', 'weather', 'sports'])
      console.log(`started with ${context.started}`)
      for await (const line of context.stream()) console.log(line)
      nursery.cancel()
    }),
  )
}
