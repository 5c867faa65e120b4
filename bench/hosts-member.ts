// A root on a host of its own that `bench/hosts.ts` measures: serves echoes, and makes calls as it is told to.
import {
  currentActor,
  expose,
  failAfter,
  GreenroomError,
  openNursery,
  run,
  sleep,
  waitForActor,
  watchActors,
} from '../index.ts'
import { ratePerSecond, roundTrips } from './load.ts'
import { monotonic } from './mesh-talk.ts'
import { percentile } from './statistics.ts'
import { ARGUMENT } from './subject.ts'

/** How it is started, as JSON in its one argument. */
export interface MemberPlan {
  readonly name: string
  readonly mesh: string
  readonly listen: string
  readonly join: readonly string[]
  readonly profile: 'loopback' | 'lan'
}

/** What it is told; each is answered by its number. */
export type MemberTask =
  /** Calls an actor for a time, that often at a time. */
  | { readonly calls: string; readonly inFlight: number; readonly windowMs: number }
  /** Calls what never answers, and tells when that was rejected. */
  | { readonly hang: string }
  /** Starts an actor, below itself or on another host, and tells how long it took to its first answer. */
  | { readonly spawn: 'here' | { readonly on: string } }
  /** Tells when an actor was out of the registry. */
  | { readonly lost: string }

export type MemberReply = Readonly<Record<string, number>>

export function echo(value: unknown): unknown {
  return value
}
export async function hang(): Promise<void> {
  await sleep(3_600_000)
}
export const echoing = expose(import.meta, { echo, hang }, 'bench-hosts')

/** Milliseconds that an actor may take to be found. */
const FOUND_MS = 20_000

async function perform(task: MemberTask): Promise<MemberReply> {
  if ('lost' in task) {
    for await (const { type, actor } of watchActors()) if (type === 'down' && actor.name === task.lost) break
    return { at: monotonic() }
  }
  if ('spawn' in task) return { ms: await spawnOnce(task.spawn) }
  const name = 'calls' in task ? task.calls : task.hang
  const portal = await failAfter(FOUND_MS, async () => await waitForActor(name))
  if ('hang' in task) {
    const died = await portal.run(hang).catch((error: unknown) => error)
    if (!(died instanceof GreenroomError && died.code === 'ACTOR_DIED')) throw died
    return { at: monotonic() }
  }
  const call = (): Promise<unknown> => portal.run(echo, ARGUMENT)
  await call()
  if (task.inFlight > 1) return { rate: (await ratePerSecond(task.inFlight, task.windowMs, call)).rate }
  const { rate, us } = await roundTrips(task.windowMs, call)
  return { rate, p50: percentile(us, 50) }
}

async function spawnOnce(where: 'here' | { readonly on: string }): Promise<number> {
  return await openNursery(async (nursery) => {
    const at = monotonic()
    const portal = await nursery.startActor('spawned', { modules: [echoing], ...(where === 'here' ? {} : where) })
    await portal.run(echo, ARGUMENT)
    const ms = monotonic() - at
    nursery.cancel()
    return ms
  })
}

async function obey(): Promise<void> {
  const over = Promise.withResolvers<void>()
  await openNursery(async (nursery) => {
    process.on('message', ({ number, task }: { number: number; task: MemberTask }) => {
      nursery.start(async () => {
        const reply = await perform(task)
        process.send?.({ number, reply })
      })
    })
    process.once('disconnect', () => over.resolve())
    process.send?.({ addresses: currentActor().addresses })
    await over.promise
    process.removeAllListeners('message')
    nursery.cancel()
  })
}

if (import.meta.main) {
  const { name, mesh, listen, join, profile } = JSON.parse(process.argv[2] ?? '{}') as MemberPlan
  await run(obey, { name, mesh, listen: [listen], join, profile, modules: [echoing], allowSpawn: true })
}
