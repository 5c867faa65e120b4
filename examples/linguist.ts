// One function in one other process: the block ends when the actor's main task has.
import { expose, openNursery, run } from '../index.ts'

export function cellarDoor(): string {
  return "Dang that's beautiful"
}
expose(import.meta, { cellarDoor })

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const linguist = await nursery.runInActor('some_linguist', cellarDoor)
      console.log(await linguist.result())
    }),
  )
}
