// A supervisor: the worker dies of every third job and is started again; its portal leads to whoever works now.
import { ActorDied, expose, openNursery, run } from '../index.ts'

let done = 0

export function work(job: number): string {
  if (++done === 3) process.kill(process.pid, 'SIGKILL')
  return `job ${job} is done`
}
const workshop = expose(import.meta, { work })

if (import.meta.main) {
  await run(
    () =>
      openNursery(
        async (nursery) => {
          const worker = await nursery.startActor('worker', { modules: [workshop], restart: 'permanent' })
          for (let job = 1; job <= 7; job++) {
            try {
              console.log(await worker.run(work, job))
            } catch (error) {
              if (!(error instanceof ActorDied)) throw error
              console.log(`job ${job} is lost`)
            }
          }
          console.log(`restarts: ${nursery.report.children[0]?.restartCount}`)
          nursery.cancel()
        },
        { strategy: 'one-for-one', maxRestarts: 3, withinMs: 5_000 },
      ),
    { logLevel: 'error' },
  )
}
