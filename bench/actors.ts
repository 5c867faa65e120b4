import { expose, failAfter, findActor, findActors, sleep } from '../index.ts'
import { answer } from './instruments.ts'
import { ARGUMENT, IDLE_MS, PIECE_BYTES } from './subject.ts'

/** Milliseconds until an actor's record has to be known in its mesh. */
const KNOWN_MS = 10_000

export function echo(value: unknown): unknown {
  return value
}

export function fail(): never {
  throw new Error('the fourth one fails')
}

export async function* items(): AsyncGenerator<number, never> {
  for (let i = 0; ; i++) yield i
}

export async function* pieces(): AsyncGenerator<Uint8Array, never> {
  const piece = new Uint8Array(PIECE_BYTES)
  for (;;) yield piece
}

/** Milliseconds of this actor's first call to one that it knows by its record and has no connection to. */
export async function callCold(name: string): Promise<number> {
  await failAfter(KNOWN_MS, async () => {
    while (findActors(name).length === 0) await sleep(10)
  })
  await sleep(IDLE_MS)
  const start = performance.now()
  const portal = await findActor(name)
  await portal?.run(echo, ARGUMENT)
  return performance.now() - start
}

export { answer }

export const actors = expose(import.meta, { echo, fail, items, pieces, callCold, answer }, 'bench')
