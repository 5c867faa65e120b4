// Three writers want one counter. The arbiter grants it to one at a time, and the counter refuses whoever is out of date:
// also a writer that was stopped for so long that it does not know yet.
import {
  claim,
  type Claim,
  compareFencingTokens,
  currentActor,
  expose,
  FencedOut,
  type FencingToken,
  openNursery,
  type RemoteActorError,
  run,
  waitForActor,
} from '../index.ts'

let value = 0
let highest: FencingToken | undefined

/** The counter keeps the highest token that it has seen: this much any store has to do. */
export function add(token: FencingToken): number {
  if (highest !== undefined && compareFencingTokens(token, highest) < 0)
    throw new Error('refused, a later writer was here')
  highest = token
  return ++value
}
const counter = expose(import.meta, { add })

let held: Claim | undefined

export async function take(): Promise<number> {
  held = await claim('the counter')
  return process.pid
}

export async function write(): Promise<string> {
  const director = await waitForActor('director')
  return `${currentActor().name} writes ${await director.run(add, held!.token)}`
}

export function check(): void {
  held?.check()
}
const writer = expose(import.meta, { take, write, check }, 'writer')

async function main(): Promise<void> {
  await openNursery(
    async (nursery) => {
      const start = (name: string) => nursery.startActor(name, { modules: [writer], restart: 'temporary' })
      const [donny, gretchen, elsa] = await Promise.all([start('donny'), start('gretchen'), start('elsa')])

      const stopped = await donny.run(take)
      console.log(await donny.run(write))
      process.kill(stopped, 'SIGSTOP')
      console.log('donny is stopped')

      const killed = await gretchen.run(take)
      console.log(await gretchen.run(write))
      process.kill(killed, 'SIGKILL')
      console.log('gretchen is killed')

      await elsa.run(take)
      console.log(await elsa.run(write))

      process.kill(stopped, 'SIGCONT')
      console.log(`donny goes on: ${await donny.run(write).catch(reason)}`)
      console.log(`and learns why: ${(await donny.run(check).catch(reason)) ?? 'it does not'}`)
      nursery.cancel()
    },
    { strategy: 'one-for-one' },
  )
}

function reason(error: unknown): string {
  const { cause } = error as RemoteActorError
  return cause instanceof FencedOut ? cause.code : (cause as Error).message
}

if (import.meta.main) await run(main, { name: 'director', modules: [counter], logLevel: 'error' })
