import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  ActorDied,
  InvalidArgument,
  joinMesh,
  type MeshOptions,
  openNursery,
  RemoteActorError,
  type StackPolicy,
  waitForActor,
} from '../../index.ts'
import { currentRuntime } from '../../nursery/actor-runtime.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { within } from '../support/within.ts'
import { actors, crashLater, whoAmI } from './fixtures/actors.ts'
import { failing, OutOfTune, passOn, raise } from './fixtures/failing.ts'

useRuntimeDir()
expectNothingLeft()

const RAISED_THERE = 'fixtures/failing.ts'
const program = new URL('./fixtures/failing.ts', import.meta.url)

async function remoteError(call: Promise<unknown>): Promise<RemoteActorError> {
  const error = await failureOf(within('the call', call))
  expect(error).toBeInstanceOf(RemoteActorError)
  return error as RemoteActorError
}

test('errors of every kind come through three processes as themselves, with origin, path and stack', async () => {
  await using mesh = await joinMesh({ name: 'root' })
  expect(mesh.actor.name).toBe('root')
  await openNursery(async (nursery) => {
    const below = await nursery.startActor('below', { modules: [failing] })
    const middle = await nursery.startActor('middle', { modules: [failing] })
    const caught = async (kind: string): Promise<RemoteActorError> => {
      const error = await remoteError(middle.run(passOn, 'below', kind))
      expect(error).toMatchObject({ origin: { name: 'below', id: below.id }, path: ['below', 'middle'] })
      expect(error.stack).toContain('stacks.test.ts')
      return error
    }
    const registered = await caught('registered')
    expect(registered.cause).toBeInstanceOf(OutOfTune)
    expect(registered.cause).toMatchObject({ code: 'OUT_OF_TUNE', cents: 30, message: '30 cents off' })
    expect(registered.remoteStack).toContain(RAISED_THERE)
    const { cause: cold } = registered.cause as Error
    expect(cold).toBeInstanceOf(TypeError)
    expect(cold).toMatchObject({ message: 'cold', cause: { degrees: 4 }, stack: expect.stringContaining(RAISED_THERE) })

    const unregistered = await caught('unregistered')
    expect(unregistered.cause).toBeInstanceOf(RangeError)
    expect(unregistered.message).toContain('who am I')

    const { errors } = (await caught('aggregate')).cause as AggregateError
    expect(errors).toEqual([expect.any(OutOfTune), expect.any(RangeError), 'three'])

    const { cause: odd } = await caught('properties')
    expect(odd).toMatchObject({ code: 'ODD', list: [new Date(0)] })
    expect(odd).not.toHaveProperty('callback')

    expect((await caught('value')).cause).toEqual({ reason: 'no error' })
    nursery.cancel()
  })
})

describe('with another tree of the mesh', () => {
  test.each<[StackPolicy, boolean]>([
    ['tree', false],
    ['mesh', true],
    ['none', false],
  ])("stacks: '%s' of a root and its child are seen by others: %s", async (stacks, seen) => {
    await using other = await startProgram(program, { args: ['test', 'other', stacks] })
    await other.waitForLine(/^up/)
    await using mesh = await joinMesh({ mesh: 'test', name: 'root' })
    expect(mesh.actor.name).toBe('root')
    for (const name of ['other', 'other.child']) {
      await using portal = await waitForActor(name)
      const error = await remoteError(portal.run(raise, 'registered'))
      expect(error.remoteStack.includes(RAISED_THERE)).toBe(seen)
      const { cause } = error as { cause: OutOfTune }
      expect(cause).toMatchObject({ cents: 30 })
      expect(error.remoteStack === '').toBe(!seen)
      expect(cause.stack).toContain(
        seen ? RAISED_THERE : `OutOfTune: 30 cents off\n    at actor ${name} (${portal.id.slice(-8)})`,
      )
    }
    other.kill('SIGTERM')
    expect((await other.waitForExit()).code).toBe(143)
  })
})

describe('a child that is crashed by an error that nobody catches', () => {
  const stackAfterCrash = async (options: MeshOptions): Promise<string | undefined> => {
    await using mesh = await joinMesh(options)
    expect(mesh.actor.name).toBe('root')
    const error = await failureOf(
      openNursery(
        async (nursery) => await (await nursery.startActor('careless', { modules: [actors] })).run(crashLater),
      ),
    )
    expect(error).toBeInstanceOf(ActorDied)
    return ((error as ActorDied).cause as Error).stack
  }

  test('tells its parent where', async () => {
    expect(await stackAfterCrash({})).toContain('fixtures/actors.ts')
  })

  test("does not with stacks: 'none', which children inherit", async () => {
    const stack = await stackAfterCrash({ stacks: 'none' })
    expect(stack).toMatch(/^TypeError: nobody catches this\n {4}at actor careless/)
    expect(stack).not.toContain('fixtures/actors.ts')
  })
})

test('the tree key is on no command line and in no environment', async () => {
  await using mesh = await joinMesh({ name: 'root' })
  expect(mesh.actor.name).toBe('root')
  const key = Buffer.from(currentRuntime().options.treeKey)
  await openNursery(async (nursery) => {
    const portal = await nursery.startActor('child', { modules: [actors] })
    const { pid } = await portal.run(whoAmI)
    for (const file of ['cmdline', 'environ']) {
      const bytes = readFileSync(`/proc/${pid}/${file}`)
      expect(bytes.byteLength).toBeGreaterThan(0)
      expect(bytes.includes(key)).toBe(false)
      for (const encoding of ['hex', 'base64', 'base64url'] as const)
        expect(bytes.includes(key.toString(encoding))).toBe(false)
    }
    nursery.cancel()
  })
})

test('each root has a tree key of its own, also in one named mesh', async () => {
  const keys: string[] = []
  for (let i = 0; i < 2; i++) {
    await using mesh = await joinMesh({ mesh: 'test', name: 'root' })
    expect(mesh.actor.name).toBe('root')
    keys.push(Buffer.from(currentRuntime().options.treeKey).toString('hex'))
  }
  expect(new Set(keys).size).toBe(2)
  expect(keys[0]).toMatch(/^[0-9a-f]{64}$/)
})

test('an unknown policy is refused by name', async () => {
  const joining = joinMesh({ stacks: 'all' as StackPolicy })
  await expect(joining).rejects.toThrow(InvalidArgument)
  await expect(joining).rejects.toThrow("stacks is one of tree, mesh, none, got 'all'")
})
