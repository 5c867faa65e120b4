// A root of the mesh that `bench/mesh.ts` measures: it tells what it hears of others, and ends with its private channel.
import { currentActor, expose, type Nursery, openNursery, run, sleep, watchActors, watchArbiter } from '../index.ts'
import { monotonic, type RootSaid, type RootTask } from './mesh-talk.ts'

export function pid(): number {
  return process.pid
}

const victim = expose(import.meta, { pid }, 'bench-victim')

if (import.meta.main) await run(() => openNursery(serve), { name: process.argv[2] ?? 'root', mesh: 'bench' })

async function serve(nursery: Nursery): Promise<void> {
  const over = Promise.withResolvers<void>()
  process.once('disconnect', () => over.resolve())
  process.on('message', ({ start }: RootTask) => {
    nursery.start(async () => await hold(start))
  })
  nursery.start(async () => {
    for await (const { type, actor } of watchActors())
      if (type !== 'updated') say({ type, id: actor.id, at: monotonic() })
  })
  nursery.start(async () => {
    for await (const { actor } of watchArbiter()) say({ type: 'arbiter', id: actor?.id ?? '', at: monotonic() })
  })
  say({ type: 'ready', id: currentActor().id })
  await over.promise
  process.removeAllListeners('message')
  nursery.cancel()
}

/** An actor that the bench kills: its death fails nobody else. */
async function hold(name: string): Promise<void> {
  await openNursery(async (nursery) => {
    const portal = await nursery.startActor(name, { modules: [victim] })
    const at = monotonic()
    say({ type: 'started', id: portal.id, pid: await portal.run(pid), at })
    await sleep(3_600_000)
  }).catch(() => {})
}

function say(said: RootSaid): void {
  // the other end may go at any moment
  if (process.connected) process.send?.(said, undefined, undefined, () => {})
}
