import { describe, expect, test } from 'vitest'
import {
  type ActorChange,
  ActorDied,
  currentActor,
  DeadlineExceeded,
  failAfter,
  findActor,
  findActors,
  InvalidArgument,
  joinMesh,
  openNursery,
  type Portal,
  run,
  sleep,
  waitForActor,
  watchActors,
} from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { crew, endIfTagged, portray, retag } from './fixtures/crew.ts'

useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/crew-program.ts', import.meta.url)

async function startCrew(name: string, hands: number): Promise<Program & { id: string }> {
  const started = await startProgram(program, { args: ['test', name, String(hands)] })
  const [, id = ''] = /^ready (\S+)/.exec(await started.waitForLine(/^ready/)) ?? []
  return Object.assign(started, { id })
}

async function end(program: Program): Promise<void> {
  program.kill('SIGTERM')
  expect(await program.waitForExit()).toEqual({ code: 143, signal: null })
}

const ids = (portals: readonly Portal[]): string[] => portals.map(({ id }) => id)

describe('tags, groups and a version', () => {
  test('are given at the start, seen by the actor itself and selected by, the version is the parent’s', async () => {
    await using mesh = await joinMesh({ name: 'root', tags: ['zone=eu', 'captain'], version: '1.2', modules: [crew] })
    expect(mesh.actor).toMatchObject({ tags: ['captain', 'zone=eu'], groups: [], version: '1.2' })
    await openNursery(async (nursery) => {
      const cook = await nursery.startActor('cook', { modules: [crew], tags: ['gpu'], groups: ['hands'] })
      const other = await nursery.startActor('cook', { modules: [crew], version: '2.0' })
      const once = await nursery.runInActor({ name: 'once', tags: ['brief'] }, portray)
      expect(await cook.run(portray)).toMatchObject({ tags: ['gpu'], groups: ['hands'], version: '1.2' })
      expect(await once.result()).toMatchObject({ name: 'once', tags: ['brief'], groups: [], version: '1.2' })
      expect(ids(findActors({ where: { version: '1.2', modules: [crew] } }))).toContain(cook.id)
      expect(ids(findActors('cook', { where: { version: '2.0' } }))).toEqual([other.id])
      expect((await findActor('cook', { where: { parent: mesh.actor, tags: ['gpu'] } }))?.id).toBe(cook.id)
      expect(await findActor('cook', { where: { tags: ['captain'] } })).toBeUndefined()
      expect(ids(findActors('cook', { where: ({ tags }) => tags.length === 0 }))).toEqual([other.id])
      nursery.cancel()
    })
  })

  test('that cannot be used are refused where they are given, with their path, and nothing starts', async () => {
    await expect(joinMesh({ tags: [''] })).rejects.toThrow('tags[0] is a string of 1 to 128 bytes')
    await expect(run(() => {}, { version: 3 as never })).rejects.toBeInstanceOf(InvalidArgument)
    await using _mesh = await joinMesh()
    await openNursery(async (nursery) => {
      const bad = nursery.startActor('bad', { modules: [crew], tags: ['a', 7 as never] })
      await expect(bad).rejects.toThrow('tags[1] is a string of 1 to 128 bytes, got 7')
      const worse = nursery.runInActor({ name: 'worse', groups: 'hands' as never }, portray)
      await expect(worse).rejects.toThrow("groups is a list of strings, got 'hands'")
      const extra = { name: 'extra', modules: [crew] }
      await expect(nursery.runInActor(extra, portray)).rejects.toThrow("'modules' is no option of runInActor")
    })
    expect(() => currentActor().setTags(['x'.repeat(129)])).toThrow('tags[0] is a string of 1 to 128 bytes')
    expect(currentActor().tags).toEqual([])
  })

  test('that would make a record too large are refused, and the former ones stay', async () => {
    const modules = Array.from({ length: 24 }, (_, i) => ({ namespace: `${i}`.padEnd(200, 'n'), url: 'file:///x' }))
    await using mesh = await joinMesh({ modules, tags: ['small'] })
    const tags = Array.from({ length: 32 }, (_, i) => `${i}`.padEnd(128, 't'))
    expect(() => mesh.actor.setTags(tags)).toThrow('do not fit into its record')
    expect(mesh.actor.tags).toEqual(['small'])
    mesh.actor.setTags(tags.slice(0, 8))
    expect(findActors({ where: { tags: tags.slice(0, 8) } })).toHaveLength(1)
  })

  test('of a restarted actor are those that it was started with', async () => {
    await using _mesh = await joinMesh()
    await openNursery(
      async (nursery) => {
        const hand = await nursery.startActor('hand', { modules: [crew], tags: ['gpu'], groups: ['hands'] })
        await hand.run(retag, ['other'])
        await expect(hand.run(endIfTagged, 'other')).rejects.toBeInstanceOf(ActorDied)
        expect(await hand.run(portray)).toMatchObject({ tags: ['gpu'], groups: ['hands'] })
        expect(ids(findActors({ where: { groups: ['hands'], tags: ['gpu'] } }))).toEqual([hand.id])
        nursery.cancel()
      },
      { strategy: 'one-for-one' },
    )
  })

  test('change while the actor runs, and other programs see that', async () => {
    const ship = await startCrew('ship', 1)
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    const hand = await failAfter(deadline(5_000), () => waitForActor('hand', { where: { groups: ['hands'] } }))
    const changes: ActorChange[] = []
    const watching = failAfter(deadline(10_000), async () => {
      for await (const change of watchActors('hand')) {
        changes.push(change)
        if (changes.length === 1) void hand.run(retag, ['resting'])
        if (change.type === 'down') break
        if (change.actor.tags.includes('resting')) ship.kill('SIGKILL')
      }
    })
    await watching
    expect(changes.map(({ type, actor, why }) => [type, ...actor.tags, ...(why === undefined ? [] : [why])])).toEqual([
      ['up', 'host=ship', 'nr=0'],
      ['updated', 'resting'],
      ['down', 'resting', 'subtree'],
    ])
    await ship.waitForExit()
  })
})

describe('waiting and watching by conditions', () => {
  test('an actor is waited for until it says what it has to say', async () => {
    await using mesh = await joinMesh({ name: 'root' })
    const waiting = failAfter(deadline(5_000), () => waitForActor({ where: { tags: ['ready'] } }))
    await sleep(20)
    mesh.actor.setTags(['ready'])
    expect((await waiting).id).toBe(mesh.actor.id)
  })

  test('what is waited for in vain is in the words of its deadline', async () => {
    await using _mesh = await joinMesh()
    const waiting = failAfter(50, () => waitForActor('cook', { where: { tags: ['gpu'] } }))
    await expect(waiting).rejects.toBeInstanceOf(DeadlineExceeded)
    await expect(waiting).rejects.toThrow("waiting for an actor named 'cook' where { tags: [ 'gpu' ] }")
  })

  test('a watcher hears of an actor while it is selected, as if it came and went', async () => {
    await using mesh = await joinMesh({ name: 'root' })
    const seen: string[] = []
    const watching = failAfter(deadline(5_000), async () => {
      for await (const { type, actor, why } of watchActors({ where: { tags: ['on'] } })) {
        seen.push(`${type} ${actor.tags.join()} ${why}`)
        if (seen.length === 1) mesh.actor.setTags(['on', 'twice'])
        if (seen.length === 2) mesh.actor.setTags(['off'])
        if (type === 'down') break
      }
    })
    mesh.actor.setTags(['other'])
    mesh.actor.setTags(['on'])
    await watching
    expect(seen).toEqual(['up on undefined', 'updated on,twice undefined', 'down off undefined'])
  })

  test('a condition that raises ends the wait, the watch or the look-up that it was given to', async () => {
    await using mesh = await joinMesh()
    const where = ({ tags }: { tags: readonly string[] }): boolean => {
      if (tags.includes('poison')) throw new RangeError('poisoned')
      return false
    }
    const waiting = waitForActor({ where })
    const watching = (async () => {
      for await (const _ of watchActors({ where }));
    })()
    await Promise.all([
      expect(waiting).rejects.toThrow('poisoned'),
      expect(watching).rejects.toThrow('poisoned'),
      (async () => {
        await sleep(10)
        mesh.actor.setTags(['poison'])
      })(),
    ])
    expect(() => findActors({ where })).toThrow('poisoned')
  })

  test('the same actors are found in the same order by every program', async () => {
    const ship = await startCrew('ship', 2)
    const boat = await startCrew('boat', 1)
    await using _mesh = await joinMesh({ mesh: 'test', name: 'port' })
    await eventually('all hands are known', () => findActors('hand').length === 3)
    const hands = findActors('hand')
    expect(ids(findActors({ where: { groups: ['hands'] } }))).toEqual(ids(hands))
    expect(ids(findActors('hand', { where: { root: ship } }))).toEqual(ids(hands.slice(0, 2)))
    expect(ids(findActors({ where: { tags: ['host=boat'] } }))).toEqual(ids(hands.slice(2)))
    expect((await findActor('hand', { where: { version: '7.1' } }))?.id).toBe(hands[0]?.id)
    await end(boat)
    await eventually('two hands are left', () => ids(findActors('hand')).join() === ids(hands.slice(0, 2)).join())
    await end(ship)
  })
})
