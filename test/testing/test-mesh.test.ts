import { describe, expect, test, vi } from 'vitest'
import {
  ActorDied,
  broadcast,
  Cancelled,
  claim,
  compareFencingTokens,
  currentActor,
  describeTree,
  failAfter,
  findActor,
  findActors,
  getArbiter,
  moveOnAfter,
  openNursery,
  RemoteActorError,
  shield,
  sleep,
} from '../../index.ts'
import { eventually, openTestMesh } from '../../testing/index.ts'
import { MAX_TEST_ACTORS } from '../../testing/test-mesh.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { countDown, fail, film, hi, rest, sayHello } from './fixtures/film.ts'

expectNothingLeft()

describe('a mesh in one process', () => {
  test('has actors that find and call each other, and each knows who it is', async () => {
    await using mesh = await openTestMesh()
    const donny = await mesh.startActor('donny', { modules: [film] })
    const gretchen = await mesh.startActor('gretchen', { modules: [film], tags: ['lead'] })
    expect(await donny.portal.run(sayHello, 'gretchen')).toBe('Hi my name is gretchen')
    expect(await gretchen.act(async () => (await findActor('donny'))?.run(hi))).toBe('Hi my name is donny')
    expect(await Promise.all([donny, gretchen].map((actor) => actor.act(() => currentActor().id)))).toEqual([
      donny.id,
      gretchen.id,
    ])
    expect(await mesh.act(() => findActors({ where: { tags: ['lead'] } }).map(({ name }) => name))).toEqual([
      'gretchen',
    ])
    expect(mesh.actors.map(({ name }) => name)).toEqual(['donny', 'gretchen'])
    expect(() => currentActor()).toThrow('no actor is running in this process')
  })

  test('streams, raises errors, tells its arbiter and broadcasts, as a mesh of processes does', async () => {
    await using mesh = await openTestMesh()
    const donny = await mesh.startActor('donny', { modules: [film] })
    expect(await Array.fromAsync(donny.portal.run(countDown, 3, 1))).toEqual([3, 2, 1])
    const error = await failureOf(donny.portal.run(fail))
    expect(error).toBeInstanceOf(RemoteActorError)
    expect((error as RemoteActorError).cause).toBeInstanceOf(RangeError)
    const arbiters = [mesh, donny].map(async (actor) => await actor.act(async () => (await getArbiter()).portal.name))
    expect(await Promise.all(arbiters)).toEqual(['test', 'test'])
    const outcomes = await mesh.act(async () => await broadcast({ name: 'donny' }, hi))
    expect(outcomes).toMatchObject([{ status: 'fulfilled', value: 'Hi my name is donny' }])
  })

  test('knows at once of an actor that leaves, and of one that dies', async () => {
    await using mesh = await openTestMesh()
    const [donny, gretchen] = [await mesh.startActor('donny', { modules: [film] }), await mesh.startActor('gretchen')]
    const resting = failureOf(donny.portal.run(rest, 60_000))
    await eventually('it rests', async () => (await donny.portal.stats()).served.inFlight === 1)
    const acting = failureOf(donny.act(async () => await sleep(60_000)))
    await donny.die()
    expect(await resting).toBeInstanceOf(ActorDied)
    expect(await acting).toBeInstanceOf(Cancelled)
    expect(await mesh.act(async () => await findActor('donny'))).toBeUndefined()
    expect(await gretchen.act(() => findActors('donny'))).toEqual([])
    await gretchen.leave()
    expect(mesh.actors).toEqual([])
    await expect(gretchen.act(hi)).rejects.toBeInstanceOf(Cancelled)
  })

  test('hands a claim on when its holder dies', async () => {
    await using mesh = await openTestMesh()
    const donny = await mesh.startActor('donny')
    const gretchen = await mesh.startActor('gretchen')
    const held = await donny.act(async () => await claim('the counter'))
    const waiting = gretchen.act(async () => await claim('the counter'))
    await donny.die()
    const { token } = await failAfter(10_000, async () => await waiting)
    expect(compareFencingTokens(token, held.token)).toBeGreaterThan(0)
  })

  test('is told apart from the actors of nurseries, which live in the process under the same supervision', async () => {
    await using mesh = await openTestMesh()
    const director = await mesh.startActor('director')
    await director.act(async () => {
      await openNursery(async (nursery) => {
        const donny = await nursery.startActor('donny', { modules: [film], statespace: { doggy: 10 } })
        expect(await donny.run(hi)).toBe('Hi my name is donny')
        expect((await findActor('donny'))?.id).toBe(donny.id)
        const oneShot = await nursery.runInActor('gretchen', sayHello, 'donny')
        expect(await oneShot.result()).toBe('Hi my name is donny')
        const tree = await describeTree()
        expect(tree.nurseries[0]?.children.map(({ name }) => name)).toContain('donny')
        nursery.cancel()
      })
      expect(await findActor('donny')).toBeUndefined()
    })
  })

  test('cancels siblings when one child fails', async () => {
    await using mesh = await openTestMesh()
    const error = await failureOf(
      mesh.act(async () => {
        await openNursery(async (nursery) => {
          await nursery.startActor('donny', { modules: [film] })
          await nursery.runInActor('frank', fail)
        })
      }),
    )
    expect((error as RemoteActorError).cause).toBeInstanceOf(RangeError)
    expect(await mesh.act(async () => await findActor('donny'))).toBeUndefined()
  })

  test('keeps the actor in scopes that stand beside their outer one', async () => {
    await using mesh = await openTestMesh()
    const donny = await mesh.startActor('donny')
    const names: string[] = []
    await donny.act(async () => {
      currentActor().onExit(() => names.push(`exit ${currentActor().name}`))
      await moveOnAfter(1, async () => await shield(50, async () => void names.push(currentActor().name)))
      await openNursery(
        async (nursery) => {
          nursery.start(() => names.push(currentActor().name), { restart: 'temporary' })
        },
        { strategy: 'one-for-one' },
      )
    })
    await donny.leave()
    expect(names).toEqual(['donny', 'donny', 'exit donny'])
  })

  test('refuses to start while timers are faked, and says what to do', async () => {
    vi.useFakeTimers()
    try {
      await expect(openTestMesh()).rejects.toThrow('fake Date alone')
    } finally {
      vi.useRealTimers()
    }
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    try {
      await using mesh = await openTestMesh()
      expect(await mesh.act(() => Date.now())).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('has MAX_TEST_ACTORS at most', async () => {
    await using mesh = await openTestMesh()
    const names = Array.from({ length: MAX_TEST_ACTORS + 1 }, (_, i) => `actor${i}`)
    const started = await Promise.allSettled(names.map(async (name) => await mesh.startActor(name)))
    expect(started.filter(({ status }) => status === 'rejected')).toMatchObject([
      { reason: { code: 'LIMIT_EXCEEDED' } },
    ])
    expect(mesh.actors).toHaveLength(MAX_TEST_ACTORS)
  })

  test('says what cannot be used, and that it is closed', async () => {
    const mesh = await openTestMesh()
    await expect(mesh.startActor('')).rejects.toThrow('name')
    await expect(mesh.startActor('donny', { statespace: { odd: () => {} } })).rejects.toThrow('statespace.odd')
    await mesh[Symbol.asyncDispose]()
    await expect(mesh.startActor('donny')).rejects.toThrow('is closed')
    await expect(mesh.act(hi)).rejects.toThrow('is closed')
  })
})
