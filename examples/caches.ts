// Whom a call is for: caches that are selected by what they say of themselves, and a word to all of them at once.
import { broadcast, currentActor, expose, findActors, members, openNursery, run, waitForActor } from '../index.ts'

const pages = new Map([
  ['/home', 'Welcome'],
  ['/news', 'Nothing new'],
])

export function forget(path: string): number {
  if (!pages.delete(path)) throw new RangeError(`no page ${path}`)
  return pages.size
}
export function drain(): void {
  const actor = currentActor()
  actor.setTags([...actor.tags, 'draining'])
}
const cache = expose(import.meta, { forget, drain })

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      for (const zone of ['eu', 'eu', 'us'])
        await nursery.startActor(`cache-${zone}`, { modules: [cache], tags: [`zone=${zone}`], groups: ['caches'] })

      const [first, ...others] = findActors({ where: { tags: ['zone=eu'] } })
      console.log(`${1 + others.length} of ${members('caches').length} caches are in Europe`)
      await first?.run(forget, '/home')
      await first?.run(drain)

      // one message to each host, however many of them it has
      for (const { actor, ...outcome } of await broadcast({ group: 'caches', timeout: 5_000 }, forget, '/home'))
        console.log(
          `${actor.name}: ${outcome.status === 'fulfilled' ? `keeps ${outcome.value} page` : 'had forgotten it'}`,
        )

      await waitForActor({ where: { groups: ['caches'], tags: ['draining'] } })
      const serving = members('caches', { where: ({ tags }) => !tags.includes('draining') })
      console.log(`${serving.length} caches go on serving`)
      nursery.cancel()
    }),
  )
}
