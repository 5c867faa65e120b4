import { openNursery, run, sleep } from '../index.ts'
import { actors, answer, callCold, echo, items, pieces } from './actors.ts'
import { lifetime } from './lifetimes.ts'
import { serveCommands } from './driver.ts'
import { ARGUMENT, IDLE_MS, type Subject } from './subject.ts'

/** The calling end of greenroom: an actor that calls its child. */
await run(() =>
  openNursery(async (nursery) => {
    const portal = await nursery.startActor('echo', { modules: [actors] })
    const died = Promise.withResolvers<never>()
    nursery.signal.addEventListener('abort', () => died.reject(nursery.signal.reason))
    const subject = {
      echo: (value: unknown) => portal.run(echo, value),
      pull: async (kind, take) => {
        for await (const _ of portal.run<() => AsyncGenerator<unknown>>(kind === 'items' ? items : pieces))
          if (!take()) break
      },
      ask: (question) => portal.run(answer, question),
      cold: async () => await (await nursery.runInActor('caller', callCold, 'echo')).result(),
      spawn,
      lifetime,
    } satisfies Subject
    await serveCommands(subject, died.promise)
    nursery.cancel()
  }),
)

async function spawn(): Promise<{ ms: number; mb: number }> {
  return await openNursery(async (nursery) => {
    const start = performance.now()
    const portal = await nursery.startActor('spawned', { modules: [actors] })
    await portal.run(echo, ARGUMENT)
    const ms = performance.now() - start
    await sleep(IDLE_MS)
    const mb = (await portal.run(answer, 'memory')) / 1_000_000
    nursery.cancel()
    return { ms, mb }
  })
}
