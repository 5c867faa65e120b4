// What an actor starts with: the statespace is copied into it once, changes stay there.
import assert from 'node:assert/strict'
import { currentActor, expose, openNursery, run } from '../index.ts'

const statespace = { doggy: 10 }

export function checkStatespace(): void {
  assert.deepEqual(currentActor().statespace, statespace)
}
export function adoptAnother(): number {
  const mine = currentActor().statespace
  const dogs = Number(mine['doggy']) + 1
  mine['doggy'] = dogs
  return dogs
}
const kennel = expose(import.meta, { checkStatespace, adoptAnother })

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const checker = await nursery.startActor('checker', { modules: [kennel], statespace })
      await checker.run(checkStatespace)
      console.log(`doggy over there: ${await checker.run(adoptAnother)}`)
      console.log(`doggy here: ${statespace.doggy}`)
      await checker.cancelActor()
    }),
  )
}
