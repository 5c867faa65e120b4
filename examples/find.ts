// Who is there: the arbiter that the mesh elected, and an actor looked up by its name.
import { currentActor, expose, findActor, getArbiter, openNursery, run } from '../index.ts'

export function whereAreYou(): string {
  return `${currentActor().name} runs in process ${process.pid}`
}
const service = expose(import.meta, { whereAreYou })

if (import.meta.main) {
  await run(
    () =>
      openNursery(async (nursery) => {
        const { portal: arbiter, term } = await getArbiter()
        console.log(`${arbiter.name} is the arbiter in term ${term}`)

        await nursery.startActor('my_service', { modules: [service] })
        const found = await findActor('my_service')
        console.log(await found?.run(whereAreYou))

        const missing = await findActor('nobody')
        console.log(`nobody is ${missing === undefined ? 'not there' : 'there'}`)
        nursery.cancel()
      }),
    { name: 'director' },
  )
}
