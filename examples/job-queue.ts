// A job queue without a leader of its own: the mesh's arbiter hands out the work, and the next one goes on when it is lost.
//   node examples/job-queue.ts worker --listen /ip4/0.0.0.0/tcp/4001     on each host; without --listen, on one machine
//   node examples/job-queue.ts customer --jobs 40                        anywhere in the mesh
// The desk keeps nothing that could be lost: a customer asks again until its ledger has the job. So every job is done at least
// once, and counts once: the ledger takes the first result of each, and none that a desk of the past has ordered.
import { parseArgs } from 'node:util'
import {
  ActorDied,
  Cancelled,
  compareFencingTokens,
  currentActor,
  expose,
  failAfter,
  type FencingToken,
  members,
  openNursery,
  type Portal,
  RemoteActorError,
  run,
  runOnArbiter,
  sleep,
  waitForActor,
} from '../index.ts'

interface Job {
  readonly id: number
  readonly customer: string
}

/** The desk, wherever the arbiter is: gives each job to a worker that is free, and to another one when that dies. */
const busy = new Set<string>()
let line: Promise<unknown> = Promise.resolve()

export async function perform(job: Job): Promise<void> {
  const { token } = currentActor().statespace as { token: FencingToken }
  for (;;) {
    const turn = line.then(freeWorker, freeWorker)
    line = turn
    const worker = await turn
    try {
      return await worker.run(work, job, token)
    } catch (error) {
      if (!isLost(error)) throw error
    } finally {
      busy.delete(worker.id)
    }
  }
}

async function freeWorker(): Promise<Portal> {
  for (;;) {
    const free = members('workers').find(({ id }) => !busy.has(id))
    if (free !== undefined) {
      busy.add(free.id)
      return free
    }
    await sleep(10)
  }
}
const desk = expose(import.meta, { perform }, 'desk')

/** Every program is ready to have the desk: whichever is the arbiter has it. */
async function keepDesk(): Promise<void> {
  await runOnArbiter(async ({ term, token }) => {
    await openNursery(async (nursery) => {
      await nursery.startActor('desk', { modules: [desk], statespace: { token } })
      console.log(`the desk is here, in term ${term}`)
    })
  })
}

/** A worker: what it does takes a while, and its effect is an entry in the customer's ledger. */
export async function work({ id, customer }: Job, token: FencingToken): Promise<void> {
  await sleep(100)
  await (await waitForActor(customer)).run(enter, token, id, id ** 2)
}
const worker = expose(import.meta, { work }, 'worker')

/** The customer's ledger: like any resource, it refuses who has been replaced. */
const ledger = new Map<number, number>()
const desks: FencingToken[] = []
let refused = 0

export function enter(token: FencingToken, job: number, result: number): void {
  const latest = desks.at(-1)
  const order = latest === undefined ? 1 : compareFencingTokens(token, latest)
  if (order < 0 || ledger.has(job)) {
    refused++
    return
  }
  if (order > 0) desks.push(token)
  ledger.set(job, result)
  console.log(`job ${job}: ${result}`)
}
const books = expose(import.meta, { enter }, 'books')

async function order(job: Job): Promise<void> {
  while (!ledger.has(job.id))
    try {
      await (await waitForActor('desk')).run(perform, job)
    } catch (error) {
      // it may have been done, or not: the next desk is asked as well
      if (!isLost(error)) throw error
    }
}

/** It died, or was told to end with whoever started it. */
function isLost(error: unknown): boolean {
  return error instanceof ActorDied || (error instanceof RemoteActorError && error.cause instanceof Cancelled)
}

async function shop(jobs: number): Promise<void> {
  const orders = Array.from({ length: jobs }, (_, i) => order({ id: i + 1, customer: currentActor().name }))
  await Promise.all(orders)
  console.log(`${ledger.size} jobs are done, each of them once, by ${desks.length} desks (${refused} results refused)`)
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mesh: { type: 'string', default: 'job-queue' },
      listen: { type: 'string', multiple: true },
      jobs: { type: 'string', default: '40' },
    },
  })
  const { mesh, listen } = values
  const lan = listen === undefined ? {} : ({ listen, profile: 'lan' } as const)
  const isCustomer = positionals[0] === 'customer'
  const role = isCustomer
    ? { name: 'customer', modules: [books] }
    : { name: 'worker', modules: [worker], groups: ['workers'] }
  await run(
    () =>
      openNursery(async (nursery) => {
        nursery.start(keepDesk)
        if (!isCustomer) return
        await failAfter(60_000, () => shop(Number(values.jobs)))
        nursery.cancel()
      }),
    { mesh, ...role, ...lan },
  )
}
