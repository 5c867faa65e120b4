import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ActorEvent,
  describeTree,
  GreenroomError,
  InvalidArgument,
  type LogLine,
  type MemberSnapshot,
  type MeshEvent,
  type MeshObserver,
  observeMesh,
  openNursery,
  setLogLevel,
} from '../../index.ts'
import { openTestMesh, type TestActor, type TestMesh } from '../../testing/index.ts'
import { redirectLogs, setLogLevel as setOwnLevel } from '../../node/log.ts'
import { eventually } from '../support/eventually.ts'
import { failureOf } from '../support/failure-of.ts'
import { toldUntil } from '../support/told-until.ts'
import { within } from '../support/within.ts'
import { direct, hello, observed, say } from './fixtures/observed.ts'

let mesh: TestMesh
let frank: TestActor
let rita: TestActor
let observer: MeshObserver
let restore: () => void

beforeAll(async () => {
  restore = redirectLogs(() => {})
  mesh = await openTestMesh()
  frank = await mesh.startActor('frank', { modules: [observed], tags: ['zone=eu'] })
  rita = await mesh.startActor('rita', { modules: [observed] })
  observer = await mesh.act(async () => await observeMesh())
})
afterAll(async () => {
  await observer?.leave()
  await mesh?.[Symbol.asyncDispose]()
  setOwnLevel('warn')
  restore()
})

async function member(name: string): Promise<MemberSnapshot> {
  const found = (await observer.members()).find((one) => one.name === name)
  if (found === undefined) throw new Error(`${name} is no member`)
  return found
}

/** Starts something and waits until it runs; the returned function ends it. */
async function running(
  actor: TestActor,
  child: string,
  restart: 'permanent' | 'temporary' = 'temporary',
): Promise<() => Promise<void>> {
  const end = new AbortController()
  const call = mesh.act(async () => await actor.portal.with({ signal: end.signal }).run(direct, child, restart))
  call.catch(() => {})
  await eventually(`${child} is a member`, async () => (await observer.members()).some(({ name }) => name === child))
  return async () => {
    end.abort()
    await failureOf(call)
    await eventually(`${child} is gone`, async () => (await observer.members()).every(({ name }) => name !== child))
  }
}

describe('an observer in an actor', () => {
  test('sees all members, those that conditions select, and the trees of all roots', async () => {
    const end = await running(frank, 'usher')
    expect((await observer.members()).map(({ name }) => name)).toEqual(['test', 'frank', 'rita', 'usher'])
    expect((await observer.members({ where: { tags: ['zone=eu'] } })).map(({ name }) => name)).toEqual(['frank'])
    const { trees, silent } = await observer.trees()
    expect(silent).toEqual([])
    expect(trees.map(({ name }) => name).toSorted()).toEqual(['frank', 'rita', 'test'])
    const below = trees.find(({ name }) => name === 'frank')?.nurseries[0]?.children[0]
    expect(below).toMatchObject({ name: 'usher', kind: 'actor', outcome: 'running', actor: { name: 'usher' } })
    const { self, mesh: name } = observer
    expect([self.name, observer.gate.name, name.startsWith('private-')]).toEqual(['test', 'test', true])
    await end()
  })

  test('sees by way of a portal what one actor far away does, and how it is', async () => {
    const end = await running(frank, 'usher')
    const portal = observer.portal(await member('usher'))
    const tree = await mesh.act(async () => await describeTree(portal))
    expect(tree).toMatchObject({ name: 'usher', id: portal.id, nurseries: [] })
    expect(await mesh.act(async () => await portal.ping())).toBeGreaterThan(0)
    await end()
  })

  test('refuses what cannot be used, by name', async () => {
    expect(() => observer.events({ recent: 1_001 })).toThrow(InvalidArgument)
    expect(() => observer.logs({ level: 'loud' as never })).toThrow(InvalidArgument)
    expect(() => observer.logs({ actors: Array.from({ length: 65 }, String) })).toThrow(InvalidArgument)
    expect(await failureOf(observer.trees({ timeoutMs: 0 }))).toBeInstanceOf(InvalidArgument)
    expect(await failureOf(observer.setLogLevel('loud' as never))).toBeInstanceOf(InvalidArgument)
    expect(await failureOf(observer.cancel(await member('frank'), { reason: 'x'.repeat(1_001) }))).toBeInstanceOf(
      InvalidArgument,
    )
    expect(await failureOf(observeMesh())).toBeInstanceOf(InvalidArgument)
    expect(await failureOf(observeMesh({ name: '' }))).toBeInstanceOf(InvalidArgument)
  })
})

describe('what happens in a mesh', () => {
  test('is told with its causes: who came, what failed and is restarted, who was ended by whom and why', async () => {
    const events = observer.events()
    const all: MeshEvent[] = []
    const reading = toldUntil(events, (now) => {
      all.splice(0, all.length, ...now)
      return now.some((event) => event.type === 'ended' && event.child.name === 'usher')
    })
    await eventually('frank is observed', async () => (await streamsOf(frank)).includes('greenroom#observe'))
    const end = await running(frank, 'usher', 'permanent')
    const of = (type: string): MeshEvent[] => all.filter((event) => event.type === type)
    const again = await member('usher')
    await observer.kill(again, { reason: 'it is in the way' })
    await eventually('its end by force was told', () => of('restarting').length === 1 && of('spawned').length === 2)
    await eventually('it is a member again', async () => (await member('usher')).id !== again.id)
    await end()
    await reading

    expect(of('up').map((event) => 'seenBy' in event && event.seenBy.name)).toContain('test')
    expect(of('spawned')[0]).toMatchObject({
      actor: { name: 'frank', id: frank.id },
      child: { name: 'usher', id: again.id },
    })
    expect(of('act')).toEqual([
      expect.objectContaining({
        act: 'kill',
        actor: { name: 'frank', id: frank.id },
        by: { name: 'test', id: observer.self.id, observer: false },
        target: { name: 'usher', id: again.id },
        why: 'it is in the way',
      }),
    ])
    expect(of('restarting')[0]).toMatchObject({
      why: expect.stringMatching(/it was killed by test \(.{8}\): it is in the way/) as string,
    })
    expect(of('ended').at(-1)).toMatchObject({ child: { name: 'usher' }, kind: 'actor', outcome: 'cancelled' })
  })

  test('of roots that join later, and of those that leave, is told as well', async () => {
    const events = observer.events()
    let followed = false
    const reading = toldUntil(events, (all) => {
      followed ||= all.some((event) => event.type === 'act')
      return all.some((event) => event.type === 'down' && event.actor.name === 'bruce')
    })
    const bruce = await mesh.startActor('bruce', { modules: [observed] })
    // what it does before its news are asked for is not told
    await eventually('bruce is followed', async () => {
      await mesh.act(async () => await setLogLevel(observer.portal(await member('bruce')), 'error', { forMs: 60_000 }))
      return followed
    })
    const end = await running(bruce, 'below-bruce')
    await end()
    await bruce.leave()
    const all = await reading
    expect(
      all.find((event): event is ActorEvent => event.type === 'spawned' && event.child.name === 'below-bruce'),
    ).toBeDefined()
    expect(all.find((event) => event.type === 'act')).toMatchObject({
      act: 'logLevel',
      what: 'error',
      target: { name: 'bruce' },
    })
    setOwnLevel('warn')
  })

  test('before somebody looked is remembered, and asked for', async () => {
    const end = await running(rita, 'remembered')
    const [first] = await toldUntil(observer.events({ recent: 1, actors: ['remembered'] }), () => true)
    expect(first).toMatchObject({ type: 'spawned', child: { name: 'remembered' }, actor: { name: 'rita' } })
    await end()
  })

  test('before somebody looked is told alone when nothing is to be followed', async () => {
    const past: MeshEvent[] = []
    for await (const event of observer.events({ recent: 1_000, follow: false })) past.push(event)
    expect(past.map(({ type }) => type)).toContain('spawned')
    expect(past.map(({ at }) => at)).toEqual(past.map(({ at }) => at).toSorted((a, b) => a - b))
  })

  test('nobody is heard any more when the last observer has left', async () => {
    const events = observer.events()
    const first = events.next()
    await eventually('frank is observed', async () => (await streamsOf(frank)).includes('greenroom#observe'))
    await events.return()
    await first
    await eventually('nobody observes frank', async () => !(await streamsOf(frank)).includes('greenroom#observe'))
  })

  test('a call by hand names who has made it', async () => {
    const reading = toldUntil(observer.events({ actors: ['rita'] }), (all) => all.some(({ type }) => type === 'act'))
    await eventually('rita is observed', async () => (await streamsOf(rita)).includes('greenroom#observe'))
    await mesh.act(async () => await rita.portal.invoke('observed#hello'))
    expect((await reading).find(({ type }) => type === 'act')).toMatchObject({
      act: 'call',
      what: 'observed#hello',
      by: { name: 'test', id: observer.self.id, observer: false },
      target: { name: 'rita', id: rita.id },
    })
  })
})

describe('what is logged in a mesh', () => {
  test('is collected with who wrote it, and in which call, by level and by actor', async () => {
    setOwnLevel('info')
    await mesh.act(async () => {
      await frank.portal.run(say, 'info', 'the lights are on')
      await rita.portal.run(say, 'warn', 'the curtain is stuck')
      await frank.portal.run(say, 'debug', 'nobody hears this')
    })
    const lines = await toldUntil(observer.logs({ actors: ['frank', rita.id] }), () => false)
    const own = lines.filter((line): line is LogLine => 'text' in line && line.area === 'actor')
    expect(own.map(({ text, actor, level }) => [text, actor.name, level])).toEqual([
      ['the lights are on', 'frank', 'info'],
      ['the curtain is stuck', 'rita', 'warn'],
    ])
    expect(own[0]?.call).toEqual({
      id: expect.stringMatching(new RegExp(`^${observer.self.id.slice(-8)}-\\d+$`)) as string,
      functionId: 'observed#say',
    })
    const warned = await toldUntil(
      observer.logs({ level: 'warn', actors: ['frank', 'rita'], recent: 1_000 }),
      () => false,
    )
    expect(warned.flatMap((line) => ('area' in line && line.area === 'actor' ? line.text : []))).toEqual([
      'the curtain is stuck',
    ])
  })

  test('is followed as it is written, below every root', async () => {
    const end = await running(frank, 'usher')
    const portal = observer.portal(await member('usher'))
    const reading = toldUntil(observer.logs({ follow: true, recent: 0, actors: ['usher'] }), (all) => all.length === 2)
    await eventually('frank is observed', async () => (await streamsOf(frank)).includes('greenroom#observe'))
    await mesh.act(async () => {
      await portal.run(say, 'warn', 'one')
      await portal.run(say, 'warn', 'two')
    })
    expect((await reading).map((line) => 'text' in line && line.text)).toEqual(['one', 'two'])
    await end()
  })

  test('a level that was changed for all is in force everywhere, and who did not answer is named', async () => {
    const outcomes = await observer.setLogLevel('debug', { forMs: 60_000 })
    expect(outcomes.map(({ actor }) => actor.name).toSorted()).toEqual(['frank', 'rita', 'test'])
    expect(outcomes.filter(({ why }) => why !== undefined)).toEqual([])
    setOwnLevel('warn')
  })
})

describe('an end by hand', () => {
  test('of an actor in a nursery that restarts nobody is no failure of that', async () => {
    const done = mesh.act(
      async () =>
        await rita.act(async () => {
          await openNursery(async (nursery) => {
            await nursery.startActor('guest', { modules: [observed] })
          })
          return 'the block has ended'
        }),
    )
    await eventually('guest is a member', async () => (await observer.members()).some(({ name }) => name === 'guest'))
    await observer.cancel(await member('guest'), { reason: 'the show is over' })
    expect(await within('the end of the block', done)).toBe('the block has ended')
  })

  test('by force is the failure of a nursery that restarts nobody, which says who and why', async () => {
    const failing = failureOf(
      rita.act(
        async () =>
          await openNursery(async (nursery) => {
            await nursery.startActor('victim', { modules: [observed] })
          }),
      ),
    )
    await eventually('victim is a member', async () => (await observer.members()).some(({ name }) => name === 'victim'))
    await observer.kill(await member('victim'), { reason: 'a test' })
    expect(await within('the failure', failing)).toMatchObject({
      code: 'ACTOR_DIED',
      message: expect.stringMatching(/victim \(.{8}\) died: it was killed by test \(.{8}\): a test/) as string,
    })
  })

  test('by force of a root in a service that owns the process is refused, with where that is', async () => {
    const failure = await failureOf(observer.kill(await member('rita')))
    expect(failure).toMatchObject({ cause: { code: 'NOT_KILLED' } })
    expect(String(failure)).toContain(`process ${process.pid}`)
    expect(await mesh.act(async () => await rita.portal.run(hello))).toBe('hello from rita')
    expect(failure).toBeInstanceOf(GreenroomError)
  })
})

async function streamsOf(actor: TestActor): Promise<string[]> {
  const { streams } = await actor.act(async () => await (await import('../../index.ts')).readVitals())
  return streams.map(({ functionId }) => functionId)
}
