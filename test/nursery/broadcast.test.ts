import { describe, expect, test } from 'vitest'
import {
  ActorDied,
  broadcast,
  type BroadcastTo,
  currentActor,
  failAfter,
  findActors,
  InvalidArgument,
  join,
  joinMesh,
  LimitExceeded,
  members,
  moveOnAfter,
  NotExposed,
  openNursery,
  type RemoteActorError,
  watchMembers,
} from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import {
  crew,
  discharge,
  endIfTagged,
  endShift,
  enlist,
  keepWatch,
  portray,
  shanties,
  sleepIfTagged,
  watchesKept,
} from './fixtures/crew.ts'

useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/crew-program.ts', import.meta.url)

async function startCrew(name: string, hands: number, method = 'process'): Promise<Program & { id: string }> {
  const started = await startProgram(program, { args: ['test', name, String(hands), method] })
  const [, id = ''] = /^ready (\S+)/.exec(await started.waitForLine(/^ready/)) ?? []
  return Object.assign(started, { id })
}

async function end(...programs: Program[]): Promise<void> {
  for (const one of programs) one.kill('SIGTERM')
  for (const one of programs) expect(await one.waitForExit()).toEqual({ code: 143, signal: null })
}

const known = async (hands: number): Promise<unknown> =>
  await eventually(`${hands} hands are known`, () => members('hands').length === hands)
const made = (): number => currentActor().stats().made.started
const idsOf = (portals: readonly { readonly id: string }[]): string[] => portals.map(({ id }) => id)

describe('a broadcast', () => {
  test('to 2 hosts with 8 actors each is one message a host, and tells what each actor gave, the oldest first', async () => {
    const crews = await Promise.all([startCrew('ship', 8, 'thread'), startCrew('boat', 8, 'thread')])
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    await known(16)
    const before = made()
    const outcomes = await broadcast({ group: 'hands' }, portray)
    expect(made() - before).toBe(2)
    expect(outcomes.map(({ actor }) => actor.id)).toEqual(idsOf(members('hands')))
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'fulfilled', value: { name: 'hand', id: outcome.actor.id } })
    const ship = await broadcast({ name: 'hand', where: { tags: ['host=ship'] } }, portray)
    expect(idsOf(ship.map(({ actor }) => actor))).toEqual(idsOf(members('hands', { where: { root: crews[0] } })))
    expect(made() - before).toBe(3)
    await broadcast({ where: { tags: ['captain'] } }, endShift)
    for (const one of crews) expect(await one.waitForExit()).toEqual({ code: 0, signal: null })
  })

  test('respects the allow-list of each actor, and calls those of the own tree itself, this actor included', async () => {
    const ship = await startCrew('ship', 2)
    await using mesh = await joinMesh({ mesh: 'test', name: 'port', modules: [crew], groups: ['hands'] })
    await openNursery(async (nursery) => {
      const stowaway = await nursery.startActor('stowaway', { groups: ['hands'] })
      await known(4)
      const before = made()
      const outcomes = await broadcast({ group: 'hands' }, portray)
      expect(made() - before).toBe(3)
      const refused = outcomes.filter(({ status }) => status === 'rejected')
      expect(refused).toMatchObject([{ actor: { name: 'stowaway', id: stowaway.id } }])
      const { reason } = refused[0] as { reason: RemoteActorError }
      expect(reason.cause).toBeInstanceOf(NotExposed)
      expect(outcomes.find(({ actor }) => actor.id === mesh.actor.id)).toMatchObject({ value: { name: 'port' } })
      const all = await broadcast({ where: { root: ship } }, watchesKept)
      expect(all.map(({ actor, status }) => [actor.name, status])).toEqual([
        ['ship', 'fulfilled'],
        ['hand', 'fulfilled'],
        ['hand', 'fulfilled'],
      ])
      nursery.cancel()
    })
    await end(ship)
  })

  test('tells the death of one actor from what the others gave', async () => {
    const ship = await startCrew('ship', 3)
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    await known(3)
    const outcomes = await failAfter(deadline(10_000), () => broadcast('hand', endIfTagged, 'nr=1'))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const { actor, reason } = outcomes[1] as { actor: { id: string }; reason: ActorDied }
    expect(reason).toBeInstanceOf(ActorDied)
    expect(reason.actor.id).toBe(actor.id)
    await known(2)
    await end(ship)
  })

  test('tells the death of a host, and what the other host gave', async () => {
    const ship = await startCrew('ship', 2)
    const boat = await startCrew('boat', 2)
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    await known(4)
    const sent = failAfter(deadline(20_000), () => broadcast('hand', sleepIfTagged, 'host=ship'))
    // the calls run there when the boat has answered another one
    await broadcast({ where: { root: boat } }, watchesKept)
    ship.kill('SIGKILL')
    const outcomes = await sent
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled'])
    expect((outcomes[0] as { reason: unknown }).reason).toBeInstanceOf(ActorDied)
    await ship.waitForExit()
    await end(boat)
  })

  test('with a time for each actor tells who was late and does not wait for them', async () => {
    const ship = await startCrew('ship', 3)
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    await known(3)
    const timeout = deadline(500)
    const outcomes = await broadcast({ group: 'hands', timeout }, sleepIfTagged, 'nr=0')
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'DEADLINE_EXCEEDED', ms: timeout } },
      { status: 'fulfilled' },
      { status: 'fulfilled' },
    ])
    await end(ship)
  })

  test('that is cancelled has ended everywhere', async () => {
    const ship = await startCrew('ship', 2)
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    await known(2)
    const { cancelled } = await moveOnAfter(deadline(500), async () => await broadcast({ group: 'hands' }, keepWatch))
    expect(cancelled).toBe(true)
    const kept = await broadcast({ group: 'hands' }, watchesKept)
    expect(kept.map((outcome) => (outcome as { value: number }).value)).toEqual([0, 0])
    await end(ship)
  })

  test('to nobody gives nothing, and one that cannot be made is refused before anything is sent', async () => {
    await using _mesh = await joinMesh()
    expect(await broadcast('nobody', portray)).toEqual([])
    const bad: [unknown, string][] = [
      ['', "an actor's name is a string"],
      [7, 'a broadcast is to a name, or { name, group, where }, got 7'],
      [{}, 'a broadcast needs a name, a group or a condition'],
      [{ timeout: 5 }, 'a broadcast needs a name, a group or a condition'],
      [{ group: '' }, 'group is a string of 1 to 128 bytes'],
      [{ groups: ['a'] }, "'groups' is no option of a broadcast"],
      [{ name: 'a', timeout: 0 }, 'timeout is 1 to 2147483647 ms, got 0'],
      [{ where: { tag: 'a' } }, 'where.tag is unknown'],
    ]
    for (const [to, message] of bad) {
      const sent = broadcast(to as BroadcastTo, portray)
      await expect(sent).rejects.toBeInstanceOf(InvalidArgument)
      await expect(sent).rejects.toThrow(message)
    }
    await expect(broadcast('a', shanties as unknown as typeof portray)).rejects.toThrow('crew#shanties is a stream')
    await expect(broadcast('a', enlist, (() => {}) as never)).rejects.toThrow('args[0]')
    await expect(broadcast('a', enlist, shanties() as never)).rejects.toThrow('args[0] streams')
    const anonymous = (): number => 1
    await expect(broadcast('a', anonymous)).rejects.toBeInstanceOf(NotExposed)
  })
})

describe('a group', () => {
  test('has those who have joined it, until they leave or end', async () => {
    await using mesh = await joinMesh({ name: 'root' })
    const seen: string[] = []
    const watching = failAfter(deadline(30_000), async () => {
      for await (const { type, actor, why } of watchMembers('watch')) {
        seen.push(`${type} ${actor.name} ${why}`)
        if (seen.length === 6) break
      }
    })
    await openNursery(async (nursery) => {
      const first = await nursery.startActor('first', { modules: [crew] })
      const second = await nursery.startActor('second', { modules: [crew] })
      {
        using membership = join('watch')
        expect(membership.group).toBe('watch')
        expect(mesh.actor.groups).toEqual(['watch'])
        await second.run(enlist, 'watch')
        await eventually('two are in it', () => members('watch').length === 2)
        await first.run(enlist, 'watch')
        await eventually('three are in it', () => members('watch').length === 3)
        expect(idsOf(members('watch'))).toEqual([mesh.actor.id, first.id, second.id])
        expect(idsOf(findActors('second', { where: { groups: ['watch'] } }))).toEqual([second.id])
        membership.leave()
      }
      expect(mesh.actor.groups).toEqual([])
      await first.run(discharge)
      await eventually('the first one has left', () => members('watch').length === 1)
      await second.cancelActor()
      await eventually('nobody is in it', () => members('watch').length === 0)
      nursery.cancel()
    })
    await watching
    expect(seen).toEqual([
      'up root undefined',
      'up second undefined',
      'up first undefined',
      'down root undefined',
      'down first undefined',
      'down second left',
    ])
  })

  test('is one of 16 at most, and has a name', async () => {
    await using _mesh = await joinMesh({ groups: Array.from({ length: 16 }, (_, i) => `g${i}`) })
    expect(() => join('more')).toThrow(LimitExceeded)
    expect(() => join('')).toThrow(InvalidArgument)
    expect(() => members(7 as never)).toThrow('group is a string of 1 to 128 bytes, got 7')
    expect(() => watchMembers('g'.repeat(129))).toThrow(InvalidArgument)
    using again = join('g0')
    again.leave()
    expect(members('g0')).toHaveLength(1)
  })
})
