// A mesh from above: who is there, what happens with its causes, what is logged, and an end by hand.
import { currentActor, expose, observeMesh, openNursery, run } from '../index.ts'

export function warn(text: string): void {
  currentActor().log.warn(text)
}
const worker = expose(import.meta, { warn })

if (import.meta.main) {
  await run(
    () =>
      openNursery(
        async (nursery) => {
          const first = await nursery.startActor('worker', { modules: [worker], logLevel: 'warn' })
          await first.run(warn, 'the paint is wet')

          // from an actor; a program that is none says which mesh, as in observeMesh({ mesh: 'demo' })
          await using mesh = await observeMesh()
          for (const { name, status } of await mesh.members()) console.log(`${name} is ${status}`)
          for await (const line of mesh.logs({ actors: ['worker'] }))
            if ('text' in line) console.log(`${line.actor.name} wrote: ${line.text} (${line.call?.functionId})`)

          const [member] = await mesh.members({ where: ({ name }) => name === 'worker' })
          await mesh.kill(member!, { reason: 'it paints the wrong wall' })
          for await (const event of mesh.events({ recent: 10 })) {
            if (event.type === 'act') console.log(`${event.by.name}: ${event.act} ${event.target.name}, ${event.why}`)
            if (event.type === 'restarting') console.log(`${event.child.name} is restarted`)
            if (event.type === 'spawned' && event.restarts > 0) break
          }
          nursery.cancel()
        },
        { strategy: 'one-for-one' },
      ),
    { name: 'foreman', logLevel: 'silent' },
  )
}
