// A daemon: frank serves calls until somebody cancels him; the block would wait for him for ever.
import { expose, openNursery, run } from '../index.ts'

/** A question asked in a dark theatre, in a tangent (errr, I mean different) process. */
export function movieTheatreQuestion(): string {
  return 'have you ever seen a portal?'
}
export const theatre = expose(import.meta, { movieTheatreQuestion })

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const frank = await nursery.startActor('frank', { modules: [theatre] })
      console.log(await frank.run(movieTheatreQuestion))
      console.log(await frank.run(movieTheatreQuestion))
      await frank.cancelActor()
    }),
  )
}
