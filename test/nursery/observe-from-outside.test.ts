import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ActorVitals,
  discovery,
  describeTree,
  joinMesh,
  type LogLine,
  type MemberSnapshot,
  type MeshEvent,
  type MeshObserver,
  observeMesh,
  readVitals,
  RemoteActorError,
  setLogLevel,
} from '../../index.ts'
import { MAX_OBSERVERS } from '../../nursery/observation.ts'
import { builtinId, MAX_BUILTIN_CALLS } from '../../rpc/builtins.ts'
import { eventually } from '../support/eventually.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { makeRuntimeDir, type RuntimeDir } from '../support/runtime-dir.ts'
import { toldUntil } from '../support/told-until.ts'
import { within } from '../support/within.ts'
import { chatter, crash, goDeaf, hello, say } from './fixtures/observed.ts'

const rootProgram = new URL('./fixtures/observed-program.ts', import.meta.url)
const observerProgram = new URL('./fixtures/observer-program.ts', import.meta.url)
const mesh = 'observed'

let runtimeDir: RuntimeDir
let frank: Program
let rita: Program
let observer: MeshObserver

beforeAll(async () => {
  runtimeDir = makeRuntimeDir()
  frank = await startProgram(rootProgram, { args: [mesh, 'frank'] })
  await frank.waitForLine(/^up/)
  rita = await startProgram(rootProgram, { args: [mesh, 'rita'] })
  await rita.waitForLine(/^up/)
  observer = await observeMesh({ mesh, name: 'a test' })
  await eventually('all are members', async () => (await observer.members()).length === 6)
})
afterAll(async () => {
  await observer?.leave()
  await frank?.[Symbol.asyncDispose]()
  await rita?.[Symbol.asyncDispose]()
  runtimeDir[Symbol.dispose]()
})

async function member(name: string): Promise<MemberSnapshot> {
  const found = (await observer.members()).find((one) => one.name === name)
  if (found === undefined) throw new Error(`${name} is no member`)
  return found
}

async function vitalsOf(name: string): Promise<ActorVitals> {
  return await readVitals(observer.portal(await member(name)))
}

/** Of the observer's program, which follows twice: a stream to each of two roots, and one to its gate. */
const STREAMS_OF_BOTH = 6

/** How many streams a peer has to both roots. */
async function streamsOf(id: string): Promise<number> {
  const vitals = await Promise.all(['frank', 'rita'].map(vitalsOf))
  return vitals.flatMap(({ streams }) => streams).filter(({ peer }) => peer.id === id).length
}

async function isObserved(name: string): Promise<boolean> {
  return (await vitalsOf(name)).streams.some(({ functionId }) => functionId === builtinId('observe'))
}

describe('an observer from outside', () => {
  test('sees everybody, and is seen by nobody: no record, no vote, no listener, no part of an election', async () => {
    await using joined = await joinMesh({ mesh, name: 'witness' })
    await eventually('the witness knows all', () => discovery.snapshot().members.length === 7)
    const { members, election, counts } = discovery.snapshot()
    const { self } = observer
    expect(members.map(({ name }) => name)).not.toContain('a test')
    expect([...members.map(({ id }) => id), ...election.committee]).not.toContain(self.id)
    expect(counts.roots).toBe(3)
    await eventually('the gate knows the witness', async () => {
      return (await observer.members()).some(({ id }) => id === joined.actor.id)
    })
    expect(observer).toMatchObject({ mesh, self: { name: 'a test' } })
    expect(['frank', 'rita']).toContain(observer.gate.name)
  })

  test('sees the trees of all hosts with restarts and the reason of the last one, and who ended', async () => {
    const before = await member('alice of rita')
    await observer.portal(before).run(crash)
    const { trees } = await eventuallyGiven(
      'alice is up again',
      async () => await observer.trees(),
      ({ trees: all }) =>
        all.some(({ nurseries }) =>
          nurseries.some(({ children }) =>
            children.some((child) => child.restarts === 1 && child.outcome === 'running'),
          ),
        ),
    )
    expect(trees.map(({ name }) => name).toSorted()).toEqual(['frank', 'rita'])
    const alice = trees.find(({ name }) => name === 'rita')?.nurseries[0]?.children[0]
    expect(alice).toMatchObject({ name: 'alice of rita', restarts: 1, actor: { name: 'alice of rita' } })
    expect(alice?.lastRestart?.why).toContain('RangeError: it fell over')
    expect(alice?.id).not.toBe(before.id)
    const own = await describeTree(observer.portal(await member('bob of frank')))
    expect(own).toMatchObject({ name: 'bob of frank', pid: frank.pid })
  })

  test('reads how a process and a thread are, far away', async () => {
    const [root, alice, bob] = await Promise.all(['frank', 'alice of frank', 'bob of frank'].map(vitalsOf))
    expect(root).toMatchObject({ pid: frank.pid, parent: null, startMethod: null, platform: process.platform })
    expect(alice).toMatchObject({ startMethod: 'process', parent: root?.id, root: root?.id, logLevel: 'warn' })
    expect(bob).toMatchObject({ startMethod: 'thread', pid: frank.pid, versions: { node: process.versions.node } })
    for (const { memory, cpu, discovery: own } of [root, alice, bob].filter((one) => one !== undefined)) {
      expect(memory.rssBytes).toBeGreaterThan(memory.heapUsedBytes)
      expect(cpu.userMs).toBeGreaterThan(0)
      expect(own).toMatchObject({ joined: true, leaving: false })
      expect(own.actors).toBeGreaterThanOrEqual(5)
    }
    expect(root?.connections.map(({ peer }) => peer.name)).toContain('alice of frank')
    const { connections } = await readVitals(observer.portal(await member('frank')), { roundTripMs: 300 })
    expect(connections.some(({ roundTripMs }) => roundTripMs !== null && roundTripMs > 0)).toBe(true)
  })

  test('is named, by its connection, in what it does by hand', async () => {
    const events = observer.events({ actors: ['bob of rita'] })
    const reading = toldUntil(events, (all) => all.filter(({ type }) => type === 'act').length === 2)
    await eventually('rita is observed', async () => await isObserved('rita'))
    const portal = observer.portal(await member('bob of rita'))
    expect(await portal.invoke('observed#hello')).toEqual({ kind: 'value', value: 'hello from bob of rita' })
    await observer.kill(await member('bob of rita'), { reason: 'to see it come back' })
    const acts = (await reading).filter(({ type }) => type === 'act')
    const by = { ...observer.self, observer: true }
    expect(acts).toEqual([
      expect.objectContaining({ act: 'call', what: 'observed#hello', by }),
      expect.objectContaining({ act: 'kill', why: 'to see it come back', by }),
    ])
    await eventually('bob is back', async () => (await member('bob of rita')).id !== portal.id)
    expect(await observer.portal(await member('bob of rita')).run(hello)).toBe('hello from bob of rita')
  })

  test('reads the logs of processes and threads, with the calls that wrote them, and changes levels for a time', async () => {
    const [alice, bob] = await Promise.all(['alice of frank', 'bob of frank'].map(member))
    await observer.portal(alice!).run(say, 'warn', 'a process warns')
    await observer.portal(bob!).run(say, 'warn', 'a thread warns')
    await setLogLevel(observer.portal(await member('frank')), 'debug', { forMs: 60_000 })
    await eventually('the thread hears of the level', async () => (await vitalsOf('bob of frank')).logLevel === 'debug')
    await eventually('the process hears of it', async () => (await vitalsOf('alice of frank')).logLevel === 'debug')
    await observer.portal(alice!).run(say, 'debug', 'a process tells more')
    const lines = await toldUntil(
      observer.logs({ actors: ['alice of frank', 'bob of frank'], recent: 1_000 }),
      () => false,
    )
    const said = lines.filter((line): line is LogLine => 'area' in line && line.area === 'actor')
    expect(said.map(({ text, actor }) => `${actor.name}: ${text}`)).toEqual([
      'alice of frank: a process warns',
      'bob of frank: a thread warns',
      'alice of frank: a process tells more',
    ])
    expect(said[0]?.call).toMatchObject({ functionId: 'observed#say' })
    expect((await vitalsOf('alice of rita')).logLevel).toBe('warn')
  })

  test('asks a deaf actor to end by way of its parent, whose ladder ends it', async () => {
    const deaf = await member('alice of rita')
    const events = observer.events({ actors: ['alice of rita'] })
    const reading = toldUntil(events, (all) => all.some((event) => event.type === 'spawned'))
    await eventually('rita is observed', async () => await isObserved('rita'))
    await observer.portal(deaf).run(goDeaf, 60_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const trees = await observer.trees({ timeoutMs: 600 })
    const shown = trees.trees.find(({ name }) => name === 'rita')?.nurseries[0]?.children
    expect(shown?.find(({ name }) => name === 'alice of rita')?.silent).toContain('it has not answered within')
    await within('the end of the deaf actor', observer.cancel(deaf, { reason: 'it hears nothing' }))
    const all = await reading
    expect(all.find(({ type }) => type === 'act')).toMatchObject({
      act: 'cancel',
      by: { name: 'a test', observer: true },
    })
    expect(all.filter((event) => event.type === 'forced').length).toBeGreaterThan(0)
    expect(all.find((event) => event.type === 'restarting')).toMatchObject({
      why: expect.stringMatching(/it was asked to end by a test \(.{8}\): it hears nothing/) as string,
    })
  })

  test('that is killed while it follows leaves nothing with others, at once', async () => {
    const program = await startProgram(observerProgram, { args: [mesh] })
    const id = (await program.waitForLine(/^observing/)).split(' ')[1]!
    await eventually('it follows all', async () => (await streamsOf(id)) === STREAMS_OF_BOTH)
    program.kill('SIGKILL')
    await program.waitForExit()
    await eventually('nobody has a stream or a connection of it', async () => {
      const vitals = await Promise.all(['frank', 'rita'].map(vitalsOf))
      return vitals.every(
        ({ connections, streams }) =>
          streams.every(({ peer }) => peer.id !== id) && connections.every(({ peer }) => peer.id !== id),
      )
    })
    expect((await observer.members()).map((one) => one.id)).not.toContain(id)
  })

  test('that is stopped while everything talks costs others no more than its bound, and learns what it missed', async () => {
    const program = await startProgram(observerProgram, { args: [mesh] })
    const id = (await program.waitForLine(/^observing/)).split(' ')[1]!
    await eventually('it follows all', async () => (await streamsOf(id)) === STREAMS_OF_BOTH)
    program.kill('SIGSTOP')
    const talk = observer.portal(await member('alice of frank'))
    await talk.run(chatter, 2_000, 2_000)
    const before = await vitalsOf('frank')
    for (let i = 0; i < 10; i++) await talk.run(chatter, 2_000, 2_000)
    const after = await vitalsOf('frank')
    // 40 MB were written
    expect(after.memory.heapUsedBytes - before.memory.heapUsedBytes).toBeLessThan(15 * 2 ** 20)
    expect(after.streams.find(({ functionId }) => functionId === builtinId('observe'))).toBeDefined()
    program.kill('SIGCONT')
    await program.waitForLine(/^missed \d+/)
  })

  test('cannot keep an actor from being observed by others, nor make it hold more than its bound', async () => {
    const root = await member('rita')
    const request = { events: true, level: 'trace', below: true, recent: 0, discovery: true }
    const portal = observer.portal(root)
    const streams = Array.from({ length: MAX_OBSERVERS + MAX_BUILTIN_CALLS }, () =>
      portal.stream(builtinId('observe'), request),
    )
    const firsts = await Promise.allSettled(streams.map(async (stream) => await stream.next()))
    await Promise.all(streams.map(async (stream) => await stream.return().catch(() => {})))
    const reasons = firsts.flatMap((first) => (first.status === 'rejected' ? [first.reason as unknown] : []))
    expect(reasons.length).toBeGreaterThanOrEqual(MAX_BUILTIN_CALLS)
    expect(reasons).toEqual(
      reasons.map(() =>
        expect.objectContaining({ cause: expect.objectContaining({ code: 'LIMIT_EXCEEDED' }) as unknown }),
      ),
    )
    expect(await portal.run(hello)).toBe('hello from rita')
  })

  test.each([
    ['tree', [-1]],
    ['tree', ['soon']],
    ['vitals', [1e9]],
    ['look', [{ limit: -1 }]],
    ['look', [{ after: 5 }]],
    ['setLogLevel', ['loud']],
    ['setLogLevel', ['info', -5]],
    ['endChild', [5, true]],
    ['endChild', ['nobody', true]],
    ['call', [5]],
    ['observe', [{ events: true }]],
    ['observe', [{ events: true, below: true, level: 'info', recent: 1e9 }]],
    ['observe', [{ events: true, below: true, level: 'info', recent: 0, actors: Array.from({ length: 65 }, String) }]],
  ] as const)('that asks %s with what cannot be used, %j, is told so, and nothing happens', async (name, args) => {
    const portal = observer.portal(await member('rita'))
    const asked =
      name === 'observe' ? portal.stream(builtinId(name), ...args).next() : portal.call(builtinId(name), ...args)
    const failure = await failureOf(asked)
    expect(failure).toBeInstanceOf(RemoteActorError)
    expect((failure as RemoteActorError).cause).toMatchObject({
      code: expect.stringMatching(/^(INVALID_ARGUMENT|NO_CHILD)$/) as string,
    })
  })

  test('goes on with another root when the one that it looks through ends; a root that is asked to end says by whom', async () => {
    const gate = await member(observer.gate.name)
    const [gone, other] = gate.name === 'frank' ? [frank, 'rita'] : [rita, 'frank']
    const events: MeshEvent[] = []
    const reading = toldUntil(observer.events(), (all) => {
      events.splice(0, events.length, ...all)
      return (
        all.some((event) => event.type === 'down' && event.actor.id === gate.id && event.seenBy.name === other) ||
        all.some((event) => event.type === 'act' && event.target.name === `bob of ${other}`)
      )
    })
    await eventually('both are observed', async () => (await isObserved('frank')) && (await isObserved('rita')))
    await observer.cancel(gate, { reason: 'the season is over' })
    const { code } = await gone.waitForExit()
    expect(code).not.toBe(0)
    expect(gone.stderr.join('\n')).toContain('cancelled by a test: the season is over')
    await eventually('another root is asked', async () => (await observer.members()).every(({ id }) => id !== gate.id))
    expect(observer.gate.name).toBe(other)
    await observer.portal(await member(`bob of ${other}`)).invoke('observed#hello')
    await reading
    expect(events.find(({ type }) => type === 'act')).toMatchObject({ act: 'cancel', target: { name: gate.name } })
  })

  test('says that a mesh cannot be reached, within a bound', async () => {
    const asked = performance.now()
    expect(await failureOf(observeMesh({ mesh: 'nobody-here' }))).toMatchObject({ code: 'MESH_UNREACHABLE' })
    expect(performance.now() - asked).toBeLessThan(deadline(2_000))
  })
})

async function eventuallyGiven<T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  let value = await read()
  await eventually(what, async () => holds((value = await read())), 20_000)
  return value
}
