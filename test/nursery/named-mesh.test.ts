import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  ActorDied,
  DeadlineExceeded,
  failAfter,
  findActor,
  findActors,
  getArbiter,
  InvalidArgument,
  joinMesh,
  moveOnAfter,
  openNursery,
  sleep,
  waitForActor,
  watchActors,
} from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { actors, whoAmI } from './fixtures/actors.ts'
import { loaded, slow } from './fixtures/loads-slowly.ts'

const runtimeDir = useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/mesh-program.ts', import.meta.url)

async function startRoot(name: string, actor = '', mesh = 'test'): Promise<Program & { id: string }> {
  const root = await startProgram(program, { args: [mesh, name, actor] })
  const [, id = ''] = /^joined (\S+)/.exec(await root.waitForLine(/^joined/)) ?? []
  return Object.assign(root, { id })
}

async function endInOrder(...roots: Program[]): Promise<void> {
  for (const root of roots) root.kill('SIGTERM')
  for (const root of roots) expect(await root.waitForExit()).toEqual({ code: 143, signal: null })
}

const rootFiles = (): string[] => readdirSync(join(runtimeDir.path, `greenroom-${process.getuid?.()}`, 'test', 'roots'))

describe('programs of one mesh name', () => {
  test('find each other and each other’s actors, whoever was first', async () => {
    const a = await startRoot('a', 'donny')
    const b = await startRoot('b', 'gretchen')
    for (const root of [a, b])
      for (const name of ['a', 'b', 'donny', 'gretchen']) await root.waitForLine(`${name} says hello from ${name}`)
    await endInOrder(a, b)
  })

  test('find each other when they start at the same moment, and agree on one arbiter', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const roots = await Promise.all(names.map((name) => startRoot(name)))
    for (const root of roots) for (const name of names) await root.waitForLine(`up ${name}`)
    await eventually('all name the same arbiter last', () => new Set(roots.map(lastArbiter)).size === 1)
    expect(roots.map((root) => root.id)).toContain(lastArbiter(roots[0]!))
    await endInOrder(...roots)
  })

  test('elect a new arbiter when the present one is killed', async () => {
    const oldest = await startRoot('oldest')
    const others = [await startRoot('b'), await startRoot('c')]
    for (const root of others) await root.waitForLine(`${oldest.id} rules`)
    oldest.kill('SIGKILL')
    const killed = performance.now()
    const ids = others.map(({ id }) => id)
    await eventually('the others have a new arbiter', () => others.every((root) => ids.includes(lastArbiter(root))))
    expect(new Set(others.map(lastArbiter)).size).toBe(1)
    expect(performance.now() - killed).toBeLessThan(deadline(4_000))
    for (const root of others) await root.waitForLine('down oldest')
    await endInOrder(...others)
  })

  test('remove the stale entry of a killed program, and an unreadable one', async () => {
    const dead = await startRoot('dead')
    dead.kill('SIGKILL')
    await dead.waitForExit()
    expect(rootFiles()).toEqual([`${dead.id}.json`])
    writeFileSync(join(runtimeDir.path, `greenroom-${process.getuid?.()}`, 'test', 'roots', 'garbage.json'), '{')
    await using mesh = await joinMesh({ mesh: 'test', name: 'next' })
    await eventually('only the live entry is left', () => rootFiles().join() === `${mesh.actor.id}.json`)
    const { portal } = await failAfter(deadline(5_000), getArbiter)
    expect(portal.id).toBe(mesh.actor.id)
  })

  test('do not meet those of another mesh name', async () => {
    const other = await startRoot('a', '', 'other')
    await using _mesh = await joinMesh({ mesh: 'test', name: 'b' })
    expect(await findActor('a')).toBeUndefined()
    expect(other.stdout.some((line) => line.startsWith('up b'))).toBe(false)
    await endInOrder(other)
  })

  test('keep their identity over restarts when asked to', async () => {
    const ids: string[] = []
    for (let i = 0; i < 2; i++) {
      await using mesh = await joinMesh({ mesh: 'test', name: 'keeper', identity: 'kept' })
      ids.push(mesh.actor.id)
    }
    expect(ids[0]).toBe(ids[1])
    await using other = await joinMesh({ mesh: 'test', name: 'other', identity: 'kept' })
    expect(other.actor.id).not.toBe(ids[0])
  })

  test('a mesh without a name leaves nothing on disk', async () => {
    await using _mesh = await joinMesh()
    expect(existsSync(join(runtimeDir.path, `greenroom-${process.getuid?.()}`))).toBe(false)
  })
})

describe('looking up', () => {
  test('a name that nobody has is undefined, and waiting for it ends with its deadline', async () => {
    await using _mesh = await joinMesh()
    expect(await findActor('nobody')).toBeUndefined()
    expect(findActors('nobody')).toEqual([])
    const waiting = failAfter(100, () => waitForActor('nobody'))
    await expect(waiting).rejects.toBeInstanceOf(DeadlineExceeded)
    await expect(waiting).rejects.toThrow("not done within 100 ms, while waiting for an actor named 'nobody'")
  })

  test('what is no name is refused', async () => {
    await using _mesh = await joinMesh()
    for (const name of [undefined, '', 7, {}] as string[]) {
      await expect(findActor(name)).rejects.toBeInstanceOf(InvalidArgument)
      await expect(waitForActor(name)).rejects.toBeInstanceOf(InvalidArgument)
    }
    for (const name of ['', 7, {}] as string[]) expect(() => findActors(name)).toThrow(InvalidArgument)
  })

  test('a killed actor leaves the registry: look-ups give undefined', async () => {
    await using _mesh = await joinMesh()
    const death = openNursery(async (nursery) => {
      const victim = await nursery.startActor('victim', { modules: [actors] })
      expect((await findActor('victim'))?.id).toBe(victim.id)
      const { pid } = await victim.run(whoAmI)
      process.kill(pid, 'SIGKILL')
      await sleep(600_000)
    })
    await expect(death).rejects.toBeInstanceOf(ActorDied)
    expect(await findActor('victim')).toBeUndefined()
  })

  test('an actor of another program that was killed with its root is not found', async () => {
    const root = await startRoot('root', 'child')
    await using _mesh = await joinMesh({ mesh: 'test', name: 'watcher' })
    await failAfter(deadline(5_000), () => waitForActor('child'))
    root.kill('SIGKILL')
    await eventually('root and child are gone', async () =>
      [await findActor('root'), await findActor('child')].every((portal) => portal === undefined),
    )
    await eventually('they are known no longer', () => findActors('root').length + findActors('child').length === 0)
    await eventually('the entry of the killed root is removed', () => rootFiles().length === 1)
  })

  test('an actor whose module takes its time to load is found when it can be called', async () => {
    await using _mesh = await joinMesh()
    await openNursery(async (nursery) => {
      const starting = nursery.startActor('slow', { modules: [slow] })
      const portal = await failAfter(deadline(5_000), () => waitForActor('slow'))
      expect(await portal.run(loaded)).toBe(true)
      await starting
      nursery.cancel()
    })
  })

  test('of several actors with one name the oldest is first, and all are given', async () => {
    await using _mesh = await joinMesh()
    await openNursery(async (nursery) => {
      const first = await nursery.startActor('twin', { modules: [actors] })
      const second = await nursery.startActor('twin', { modules: [actors] })
      expect((await findActor('twin'))?.id).toBe(first.id)
      expect((await waitForActor('twin')).id).toBe(first.id)
      expect(findActors('twin').map((portal) => portal.id)).toEqual([first.id, second.id])
      await first.cancelActor()
      await eventually('the other twin is found', async () => (await findActor('twin'))?.id === second.id)
      expect(await findActor(second.id)).toBeUndefined()
      nursery.cancel()
    })
  })

  test.each([2, 4, 8])('%i actors of one name are found, end together, and are no longer found', async (count) => {
    await using _mesh = await joinMesh()
    await openNursery(async (nursery) => {
      await Promise.all(Array.from({ length: count }, () => nursery.startActor('twin', { modules: [actors] })))
      expect(findActors('twin')).toHaveLength(count)
      nursery.cancel()
    })
    expect(findActors('twin')).toEqual([])
  })

  test('a watcher sees who is up, then who comes and goes', async () => {
    await using mesh = await joinMesh({ name: 'watcher' })
    const seen: string[] = []
    await moveOnAfter(deadline(10_000), async () => {
      for await (const { type, actor } of watchActors()) {
        seen.push(`${type} ${actor.name}`)
        if (seen.length === 1) {
          void openNursery(async (nursery) => {
            await nursery.startActor('guest', { modules: [actors] })
            nursery.cancel()
          })
        }
        if (type === 'down') break
      }
    })
    expect(seen).toEqual(['up watcher', 'up guest', 'down guest'])
    expect(mesh.actor.name).toBe('watcher')
  })

  test('the arbiter is known everywhere, on itself and in its children', async () => {
    await using mesh = await joinMesh({ modules: [actors] })
    const { portal, term } = await getArbiter()
    expect(portal.id).toBe(mesh.actor.id)
    expect(term).toBe(1)
    expect((await portal.run(whoAmI)).pid).toBe(process.pid)
  })
})

/** The peer id that a program has last named as the arbiter. */
function lastArbiter(root: Program): string {
  const line = root.stdout.findLast((said) => said.includes(' rules')) ?? ''
  return line.split(' ')[0] ?? ''
}
