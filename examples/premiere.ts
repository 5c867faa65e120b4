// The whole house in one evening: programs find each other by a name, actors meet and talk, values stream, the arbiter
// is killed and replaced, an actor fails, and nothing is left behind.
//   npm start
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  cancelScope,
  failAfter,
  getArbiter,
  joinMesh,
  type Nursery,
  openNursery,
  RemoteActorError,
  waitForActor,
  watchActors,
  watchArbiter,
} from '../index.ts'
import { aggregate, aggregator } from './aggregator.ts'
import { cast, countDown, processId, sayHello } from './premiere/cast.ts'
import { Company } from './premiere/company.ts'
import { arbiterAfter, hire } from './premiere/house.ts'
import { Program } from './premiere/program.ts'
import { Screen, seconds } from './premiere/screen.ts'

/** Milliseconds that one scene may take before the show is off. */
const SCENE_MS = 12_000
const HOUSES = ['rex', 'odeon', 'lyric']

const screen = new Screen()
const programs: Program[] = []
/** Processes that were started on the way; none of them may be there at the end. */
const pids: number[] = []
const company = new Company([...HOUSES, 'narrator'])
const summary: Act[] = []

/** What a scene has shown, and how long the point of it took. */
interface Act {
  readonly ms: number
  readonly what: string
}

async function premiere(): Promise<void> {
  const begun = performance.now()
  const mesh = `premiere-${process.pid}`
  screen.title('greenroom: the premiere')
  screen.tell('What you see happens now, in real processes on this machine.')
  try {
    await scene(1, 'Three programs find each other', () => openHouses(mesh))
    await using narrator = await joinMesh({ mesh, name: 'narrator' })
    screen.speak(narrator.actor.name, 'I join last: I watch, and start a few actors of my own.')
    await openNursery(async (nursery) => {
      for (const program of programs) nursery.start(() => program.watch(nursery.signal))
      showCompany(nursery)
      await scene(2, 'Two actors in two programs say hello', sayHelloToEachOther)
      await scene(3, 'A thousand values flow through three processes', streamThroughThree)
      await scene(4, 'The arbiter is killed', killTheArbiter)
      await scene(5, 'One actor fails', failTogether)
      await closeHouses()
      nursery.cancel()
    })
  } finally {
    screen.close()
    await closeHouses()
  }
  conclude(performance.now() - begun)
}

async function openHouses(mesh: string): Promise<Act> {
  screen.tell(`I start three programs, one by one. All they share is a name: ${mesh}.`)
  screen.tell('They elect an arbiter among them, for what only one may decide.')
  const begun = performance.now()
  for (const name of HOUSES) {
    const program = new Program(name, mesh, ...HOUSES)
    programs.push(program)
    pids.push(program.pid)
    const { found, arbiter, term } = await program.report()
    const others = found.filter((other) => other !== name)
    screen.speak(
      name,
      arbiter === name
        ? `Nobody else is here, so I am the arbiter, in term ${term}.`
        : `I found ${others.join(' and ')}. The arbiter is ${arbiter}, in term ${term}.`,
    )
  }
  return { ms: performance.now() - begun, what: 'three programs started and found each other by a name' }
}

async function sayHelloToEachOther(): Promise<Act> {
  screen.tell('odeon starts an actor named donny, lyric one named gretchen: two more processes.')
  const [odeon, lyric] = await Promise.all([waitForActor('odeon'), waitForActor('lyric')])
  await Promise.all([odeon.run(hire, 'donny'), lyric.run(hire, 'gretchen')])
  const [donny, gretchen] = await Promise.all([waitForActor('donny'), waitForActor('gretchen')])
  pids.push(await donny.run(processId), await gretchen.run(processId))
  screen.tell('Each looks the other one up by its name and calls its function hi():')
  const begun = performance.now()
  const [toDonny, toGretchen] = await Promise.all([donny.run(sayHello, 'gretchen'), gretchen.run(sayHello, 'donny')])
  const ms = performance.now() - begun
  screen.speak('gretchen', `(to donny)    ${toDonny}`)
  screen.speak('donny', `(to gretchen) ${toGretchen}`)
  return { ms, what: 'two actors in two programs found each other by gossip and talked' }
}

async function streamThroughThree(): Promise<Act> {
  screen.tell('streamer_1 and streamer_2 both send the numbers 0 to 999; an aggregator')
  screen.tell('merges the two streams and passes each number on once, as it arrives.')
  const count = 1_000
  return await openNursery(async (nursery) => {
    const portal = await nursery.startActor('aggregator', { modules: [aggregator, cast] })
    pids.push(await portal.run(processId))
    await using feed = await portal.openContext(aggregate, count)
    const values: number[] = []
    let first = 0
    for await (const value of feed.stream()) {
      first ||= performance.now()
      values.push(value)
    }
    const ms = performance.now() - first
    if (values.length !== count || new Set(values).size !== count)
      throw new Error(`${values.length} values arrived instead of ${count} unique ones`)
    screen.speak('aggregator', `I delivered ${count.toLocaleString('en')} unique values.`)
    nursery.cancel()
    return { ms, what: '1,000 unique values came from two streaming actors through a third' }
  })
}

async function killTheArbiter(): Promise<Act> {
  const { portal: arbiter, term } = await getArbiter()
  const program = programs.find(({ name }) => name === arbiter.name)
  if (program === undefined) throw new Error(`${arbiter.name} is the arbiter, and not one of the programs`)
  screen.tell(`${arbiter.name} is the arbiter, the one that the others elected. I kill its process`)
  screen.tell(`(${program.pid}) with SIGKILL: it cannot say goodbye.`)
  await screen.beat()
  const killed = performance.now()
  program.kill()
  const survivors = await Promise.all(
    HOUSES.filter((name) => name !== arbiter.name).map(async (name) => await waitForActor(name)),
  )
  const reigns = await Promise.all(
    survivors.map(async (portal) => ({ voter: portal.name, ...(await portal.run(arbiterAfter, term)) })),
  )
  const mine = await arbiterAfter(term)
  const ms = performance.now() - killed
  for (const { voter, name, term: now } of reigns)
    screen.speak(voter, `${voter === name ? 'I am the arbiter' : `${name} is the arbiter`} now, in term ${now}.`)
  screen.speak('narrator', `I heard the same: ${mine.name}, term ${mine.term}, ${seconds(ms)} after the kill.`)
  if (reigns.some(({ name }) => name !== mine.name)) throw new Error('the survivors do not agree on an arbiter')
  return { ms, what: 'the arbiter was killed and the others elected a new one' }
}

async function failTogether(): Promise<Act> {
  const dancers = ['samantha', 'joanie', 'beth']
  screen.tell('Three actors wait, a fourth one counts down and fails. The four belong')
  screen.tell('together: if one fails, all end, and the error arrives where they were started.')
  let failed = 0
  try {
    await openNursery(async (nursery) => {
      for (const portal of await Promise.all(dancers.map((name) => nursery.startActor(name, { modules: [cast] }))))
        pids.push(await portal.run(processId))
      const frank = await nursery.runInActor('frank', countDown)
      pids.push(await frank.run(processId))
      await frank.result().catch(() => {
        failed = performance.now()
      })
    })
  } catch (error) {
    if (!(error instanceof RemoteActorError && error.cause instanceof RangeError)) throw error
    const ms = performance.now() - failed
    screen.speak(error.origin.name, `${error.cause.message}! (${error.cause.name})`)
    screen.speak(
      'narrator',
      `I caught the error of ${error.origin.name}; ${Math.round(ms)} ms later all four were gone.`,
    )
    return { ms, what: 'one actor failed, its three siblings were cancelled, the error was caught' }
  }
  throw new Error('frank did not fail')
}

/** Every scene has an end, and a line in the summary. */
async function scene(number: number, title: string, play: () => Promise<Act>): Promise<void> {
  company.forgetGone()
  screen.show(company.members())
  screen.scene(number, title)
  summary.push(await failAfter(SCENE_MS, play))
  await screen.beat()
}

/** Keeps the live view of the terminal up to date. */
function showCompany(nursery: Nursery): void {
  nursery.start(async () => {
    for await (const change of watchActors()) {
      company.onActor(change)
      screen.show(company.members())
    }
  })
  nursery.start(async () => {
    for await (const change of watchArbiter()) {
      company.onArbiter(change)
      screen.show(company.members())
    }
  })
}

async function closeHouses(): Promise<void> {
  await Promise.all(programs.map((program) => program.leave()))
}

function conclude(ms: number): void {
  const left = pids.filter(isRunning)
  if (left.length > 0) throw new Error(`processes ${left.join(', ')} are still running`)
  screen.title(`\nThat was it, in ${seconds(ms)}`)
  for (const act of summary) screen.sum(act)
  screen.tell('Of all the processes that were started, none is left.')
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

if (import.meta.main) {
  // What programs of one name leave for each other is of no use after this evening.
  const directory = mkdtempSync(join(tmpdir(), 'premiere-'))
  process.env['XDG_RUNTIME_DIR'] = directory
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

  let cutAt = 0
  const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
  try {
    await cancelScope(async (scope) => {
      for (const [signal, code] of Object.entries(exitCodes))
        process.on(signal, () => {
          // Under npm one Ctrl-C arrives twice: from the terminal, and passed on.
          if (scope.cancelled && performance.now() - cutAt > 300) process.exit(code)
          if (scope.cancelled) return
          cutAt = performance.now()
          process.exitCode = code
          scope.cancel(signal)
        })
      await premiere()
    })
  } catch (error) {
    // A terminal sends Ctrl-C to every program in it: what ends because of that is no failure.
    if (process.exitCode === undefined) throw error
  }
  if (process.exitCode !== undefined) screen.title('\nCut!')
}
