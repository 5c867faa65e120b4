import { beforeEach, describe, expect, test } from 'vitest'
import { ActorDied } from '../../node/errors.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { type InProcessActor, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import {
  add,
  contextThatHangs,
  count,
  deaf,
  events,
  flood,
  gate,
  hang,
  hangAlong,
  once,
  portals,
  resetStage,
  stage,
} from './fixtures/stage.ts'

expectNothingLeft()
beforeEach(resetStage)

const begun = async (event: string): Promise<unknown> =>
  await eventually(`${event} on stage`, () => events.includes(event))

describe('when an actor dies', () => {
  test('every call, stream and context with it rejects at once, and the error says which actor died', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const portal = a.portalTo(b)
    const waiting = portal.run(once)
    await waiting.next()
    const idle = portal.run(flood)
    await idle.next()
    const context = await portal.openContext(contextThatHangs)
    const pending = [
      ...Array.from({ length: 100 }, async (_, i) => await portal.run(hang, `hang ${i}`)),
      waiting.next(),
      context.result(),
      context.stream()[Symbol.asyncIterator]().next(),
      portal.openContext(contextThatHangs).then(async (opened) => await opened.result()),
    ]
    for (const call of pending) call.catch(() => {})
    await begun('hang 99 began')
    await b.die()
    const results = await within('everything that was pending', Promise.allSettled(pending), 1_000)
    for (const result of results)
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'ACTOR_DIED', actor: { name: 'b', id: b.id } },
      })
    // what had arrived of the stream is read first, then its end is no clean one
    const reading = (async () => {
      for await (const _ of idle);
    })()
    await expect(within('the other stream', reading)).rejects.toBeInstanceOf(ActorDied)
  })

  test('later calls reject as well, with the same kind of error', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const portal = a.portalTo(b)
    expect(await portal.run(add, 1, 1)).toBe(2)
    await b.die()
    for (let i = 0; i < 3; i++)
      await expect(within('a later call', portal.run(add, 1, 1))).rejects.toMatchObject({ code: 'ACTOR_DIED' })
    await expect(within('a later stream', portal.run(count, 1).next())).rejects.toMatchObject({ code: 'ACTOR_DIED' })
    await expect(within('a cancel', portal.cancelActor())).rejects.toMatchObject({ code: 'ACTOR_DIED' })
  })

  test('the tasks that it had asked for are cancelled', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const call = b.portalTo(a).run(hang)
    call.catch(() => {})
    await b.portalTo(a).run(flood).next()
    await begun('hang began')
    await b.die()
    await eventually('both have cleaned up', () => events.filter((event) => event.includes('cleaned up')).length === 2)
    expect(events.find((event) => event.startsWith('hang cleaned'))).toBe(`hang cleaned up: ${b.id.slice(-8)}`)
    await expect(within('the call', call)).rejects.toMatchObject({ code: 'ACTOR_DIED', actor: { name: 'a' } })
  })

  test('in the middle of a chain, both of its neighbours notice', async () => {
    await using mesh = await meshInProcess([stage], 3)
    const [a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
    portals.set('c', b.portalTo(c))
    const call = a.portalTo(b).run(hangAlong, ['c'])
    call.catch(() => {})
    await begun('end began')
    await b.die()
    await expect(within('the call', call)).rejects.toMatchObject({ code: 'ACTOR_DIED', actor: { name: 'b' } })
    await eventually('the last one has stopped', () => events.includes(`end cleaned up: ${b.id.slice(-8)}`))
  })

  test('its supervisor, who saw the exit, says how', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const exit = Promise.withResolvers<ActorDied>()
    a.rpc.explainDeath(b.id, exit.promise)
    const call = a.portalTo(b).run(hang)
    call.catch(() => {})
    await begun('hang began')
    const died = new ActorDied(b.target, 'exit code 7')
    const dying = b.die()
    exit.resolve(died)
    await expect(within('the call', call)).rejects.toBe(died)
    await dying
  })

  test('a supervisor that does not know does not hold up the news for long', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const never = Promise.withResolvers<ActorDied | undefined>()
    a.rpc.explainDeath(b.id, never.promise)
    const call = a.portalTo(b).run(hang)
    call.catch(() => {})
    await begun('hang began')
    await b.die()
    await expect(within('the call', call, 2_000)).rejects.toMatchObject({ code: 'ACTOR_DIED' })
    never.resolve(undefined)
  })
})

describe('when an actor is asked to end', () => {
  test('it acknowledges, hears who asked and why, and its tasks are cancelled', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const call = a.portalTo(b).run(hang)
    call.catch(() => {})
    await begun('hang began')
    await within('the acknowledgement', a.portalTo(b).cancelActor())
    expect(b.cancels).toMatchObject([{ by: 'a', why: 'a cancelled b' }])
    await expect(within('the call', call)).rejects.toMatchObject({ cause: { code: 'CANCELLED', by: 'a' } })
    expect(events).toEqual(['hang began', 'hang cleaned up: a'])
  })

  test('closing it waits for the tasks that run in it, and callers hear their end', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const call = a.portalTo(b).run(deaf)
    await begun('deaf began')
    b.scope.cancel('the scene is over')
    let closed = false
    const closing = b.rpc.close().then(() => (closed = true))
    await a.portalTo(b).describe()
    expect(closed).toBe(false)
    gate.resolve()
    expect(await within('the call', call)).toBe('late')
    await within('the close', closing)
  })

  test('one that does not answer raises ActorTooSlow within the bound', async () => {
    await using mesh = await meshInProcess([stage])
    const [a] = mesh.actors as [InProcessActor]
    const silent = await mesh.rawHost()
    await silent.handle('/greenroom/lane/1', () => {})
    const portal = a.rpc.portal({ name: 'silent', id: silent.peerId, addresses: silent.addresses() })
    await expect(within('the cancel', portal.cancelActor(), 2_500)).rejects.toMatchObject({
      code: 'ACTOR_TOO_SLOW',
      actor: { name: 'silent' },
    })
  })

  test('a call that an ending actor can no longer take rejects, whenever it comes', async () => {
    await using mesh = await meshInProcess([stage])
    const [a, b] = mesh.actors as [InProcessActor, InProcessActor]
    const calls: Promise<unknown>[] = []
    const portal = a.portalTo(b)
    const dying = eventually('some calls are made', () => calls.length > 20).then(async () => {
      b.scope.cancel('the scene is over')
      await b.rpc.close()
      await b.die()
    })
    let over = false
    void dying.finally(() => (over = true))
    while (!over) {
      calls.push(portal.run(hang), portal.run(once).next())
      for (const call of calls.slice(-2)) call.catch(() => {})
      await new Promise(setImmediate)
    }
    const results = await within('all calls', Promise.allSettled(calls), 2_000)
    expect(results.every((result) => result.status === 'rejected' || result.value !== undefined)).toBe(true)
  })
})
