// A first scene: the actors donny and gretchen, each a process, find each other by name and say hello.
import { currentActor, expose, openNursery, run, waitForActor } from '../index.ts'

export async function hi(): Promise<string> {
  return `Hi my name is ${currentActor().name}`
}
export async function sayHello(other: string): Promise<string> {
  await using portal = await waitForActor(other)
  return await portal.run(hi)
}
export const film = expose(import.meta, { hi, sayHello }, 'film')

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      console.log('Alright... Action!')
      const donny = await nursery.runInActor('donny', sayHello, 'gretchen')
      const gretchen = await nursery.runInActor('gretchen', sayHello, 'donny')
      console.log(await gretchen.result())
      console.log(await donny.result())
      console.log("CUTTTT CUUTT CUT!!! Donny!! You're supposed to say...")
    }),
  )
}
