// What the actors of the premiere can be asked to do.
import { currentActor, expose, failAfter, sleep, waitForActor } from '../../index.ts'

function hi(): string {
  return `Hi my name is ${currentActor().name}`
}

/** Finds another actor by its name, wherever it is, and gives what it says. */
export async function sayHello(other: string): Promise<string> {
  const portal = await failAfter(5_000, () => waitForActor(other))
  return await portal.run(hi)
}

export async function countDown(): Promise<never> {
  await sleep(200)
  throw new RangeError('28 days, 6 hours, 42 minutes, 12 seconds are over')
}

export function processId(): number {
  return process.pid
}

export const cast = expose(import.meta, { hi, sayHello, countDown, processId })
