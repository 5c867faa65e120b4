import { getConsoleLog, observeMesh, openNursery, type Portal, sleep } from '../../../index.ts'
import { openTestMesh, type TestActor, type TestMesh } from '../../../testing/index.ts'
import { MeshSight } from '../../mesh-sight.ts'
import { play, prompt, recall, say } from './play.ts'

const LINES = ['to be', 'or not to be', 'that is', 'the question', 'whether it is nobler']
/** Milliseconds after which an understudy leaves, and another one comes. */
const UNDERSTUDY_MS = 7_000

/** What is shown of it: it has no name that others could use. */
class DemoSight extends MeshSight {
  override get mesh(): string {
    return 'demo'
  }
}

/** Opens a mesh in this process in which something happens all the time; it ends with the process. */
export async function seeDemo(): Promise<MeshSight> {
  const mesh = await openTestMesh()
  const roots: TestActor[] = []
  for (const name of ['globe', 'rose', 'swan'])
    roots.push(await mesh.startActor(name, { modules: [play], tags: [`house=${name}`], version: '1.0.0' }))
  const [globe, rose, swan] = roots as [TestActor, TestActor, TestActor]
  const parts = [
    globe.act(async () => await company(['hamlet', 'ophelia', 'horatio', 'gertrude'], rose.portal)),
    rose.act(async () => await company(['romeo', 'juliet', 'nurse'], swan.portal)),
    swan.act(async () => await company(['puck', 'oberon'], globe.portal)),
    understudies(mesh),
  ]
  // whoever is ended by hand takes the rest of its house along, which is what is to be seen
  for (const part of parts) part.catch(() => {})
  const observer = await mesh.act(async () => await observeMesh())
  return new DemoSight(observer, await observer.snapshot({ limit: 0 }), await observer.members())
}

/** Actors who speak to each other and to another house, one of them under a supervisor that starts it again. */
async function company(names: readonly string[], elsewhere: Portal): Promise<void> {
  const log = getConsoleLog('info')
  await openNursery(
    async (nursery) => {
      const cast = []
      for (const name of names) cast.push(await nursery.startActor(name, { modules: [play], restart: 'transient' }))
      for (const [i, actor] of cast.entries()) {
        nursery.start(async () => await talk(actor, i))
        nursery.start(async () => await listen(actor, 20 + 30 * i))
      }
      for (let line = 0; ; line++) {
        await sleep(40)
        await elsewhere.run(say, LINES[line % LINES.length]!)
        if (line % 50 === 0) log.info(`scene ${line / 50 + 1} begins`)
      }
    },
    { strategy: 'one-for-one', maxRestarts: 1_000 },
  )
}

async function talk(actor: Portal, pace: number): Promise<void> {
  for (let words = 1; ; words++) {
    await sleep(10 + 15 * pace)
    await Promise.allSettled([actor.run(say, LINES[words % LINES.length]!), actor.run(recall, words)])
  }
}

/** Takes a stream more slowly than it could come, some lines at a time. */
async function listen(actor: Portal, everyMs: number): Promise<void> {
  for (;;) {
    let heard = 0
    try {
      for await (const line of actor.run(prompt, 5)) {
        await sleep(everyMs + line.length)
        if (++heard === 200) break
      }
    } catch {
      // the actor is being started again
    }
    await sleep(500)
  }
}

/** Roots that come and go: every other one says nothing when it goes. */
async function understudies(mesh: TestMesh): Promise<never> {
  for (let number = 1; ; number++) {
    const actor = await mesh.startActor(`understudy-${number}`, { modules: [play], tags: ['understudy'] })
    await sleep(UNDERSTUDY_MS)
    await (number % 2 === 0 ? actor.die() : actor.leave())
  }
}
