import { openNursery, type Portal, sleep, type StartMethod } from '../index.ts'
import { actors, answer, echo, fail } from './actors.ts'
import { ARGUMENT, IDLE_MS, type Lifetime } from './subject.ts'

/** Actors that are started at once. */
const MANY = 25
/** Idle siblings of an actor that fails, or daemons that are cancelled. */
const SIBLINGS = 3
/** Milliseconds over which the processor time of an idle actor is counted. */
const WATCH_MS = 2_000

/** Measures one of them. */
export async function lifetime(what: Lifetime): Promise<number> {
  switch (what) {
    case 'warm':
    case 'thread':
      return await firstResult(what)
    case 'many':
      return await many()
    case 'cancel':
      return await cancel()
    case 'reap':
      return await reap()
    case 'idle':
      return await idle()
  }
}

/** From the start of an actor to its first result. */
async function firstResult(startMethod: StartMethod): Promise<number> {
  return await openNursery(async (nursery) => {
    if (startMethod === 'warm') {
      // The first one fills the pool.
      await nursery.startActor('cold', { startMethod })
      await sleep(4 * IDLE_MS)
    }
    const start = performance.now()
    const portal = await nursery.startActor('quick', { modules: [actors], startMethod })
    await portal.run(echo, ARGUMENT)
    const ms = performance.now() - start
    nursery.cancel()
    return ms
  })
}

async function many(): Promise<number> {
  return await openNursery(async (nursery) => {
    const start = performance.now()
    const answers = Array.from({ length: MANY }, async (_, i) => {
      const portal = await nursery.startActor(`one-of-many-${i}`, { modules: [actors] })
      return await portal.run(echo, ARGUMENT)
    })
    await Promise.all(answers)
    const ms = performance.now() - start
    nursery.cancel()
    return ms
  })
}

/** From the cancel of a nursery with idle daemons to the last exit. */
async function cancel(): Promise<number> {
  let start = 0
  await openNursery(async (nursery) => {
    for (let i = 0; i < SIBLINGS; i++) await nursery.startActor(`idle-${i}`, { modules: [actors] })
    await sleep(IDLE_MS)
    start = performance.now()
    nursery.cancel()
  })
  return performance.now() - start
}

/** From the failure of an actor to the end of its nursery, whose other actors are cancelled. */
async function reap(): Promise<number> {
  let start = 0
  await openNursery(async (nursery) => {
    for (let i = 0; i < SIBLINGS; i++) await nursery.startActor(`sibling-${i}`, { modules: [actors] })
    const failing = await nursery.startActor('failing', { modules: [actors] })
    await sleep(IDLE_MS)
    start = performance.now()
    await failing.run(fail)
  }).catch(() => {})
  return performance.now() - start
}

/** Percent of one processor that an idle actor uses. */
async function idle(): Promise<number> {
  return await openNursery(async (nursery) => {
    const portal: Portal = await nursery.startActor('idle', { modules: [actors] })
    await sleep(IDLE_MS)
    const before = await portal.run(answer, 'cpu')
    await sleep(WATCH_MS)
    const used = (await portal.run(answer, 'cpu')) - before
    nursery.cancel()
    return (100 * used) / (1_000 * WATCH_MS)
  })
}
