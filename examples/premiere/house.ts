// A program of its own, one of three: joins the mesh of the given name and starts actors when it is asked to.
//   node examples/premiere/house.ts NAME MESH NEIGHBOUR...
import { once } from 'node:events'
import {
  currentSignal,
  expose,
  failAfter,
  findActors,
  getArbiter,
  type Nursery,
  openNursery,
  run,
  watchArbiter,
} from '../../index.ts'
import { cast } from './cast.ts'

/** What a house tells the program that started it, when it is up. */
export interface HouseReport {
  readonly found: readonly string[]
  readonly arbiter: string
  readonly term: number
}

export interface Reign {
  readonly name: string
  readonly term: number
}

let stage: Nursery | undefined

/** Starts an actor as a child process of this program. */
export async function hire(name: string): Promise<void> {
  await stage?.startActor(name, { modules: [cast] })
}

/** Waits until an arbiter rules in a later term than the given one. */
export async function arbiterAfter(term: number): Promise<Reign> {
  for await (const { actor, term: now } of watchArbiter())
    if (actor !== undefined && now > term) return { name: actor.name, term: now }
  throw new Error('watchArbiter() ended')
}

export const house = expose(import.meta, { hire, arbiterAfter })

/** Says who is here and stays until the program that started this one hangs up, or is gone. */
async function open(neighbours: readonly string[]): Promise<void> {
  const { portal, term } = await failAfter(5_000, getArbiter)
  const found = neighbours.filter((name) => findActors(name).length > 0)
  process.send?.({ found, arbiter: portal.name, term } satisfies HouseReport)
  await openNursery(async (nursery) => {
    stage = nursery
    if (process.connected) await once(process, 'disconnect', { signal: currentSignal() })
    nursery.cancel()
  })
}

if (import.meta.main) {
  const [name, mesh, ...neighbours] = process.argv.slice(2)
  if (name === undefined || mesh === undefined) throw new Error('usage: house.ts NAME MESH NEIGHBOUR...')
  await run(() => open(neighbours), { name, mesh, modules: [house, cast] })
}
