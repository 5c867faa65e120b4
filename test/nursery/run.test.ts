import { once } from 'node:events'
import { expect, test } from 'vitest'
import {
  Cancelled,
  currentActor,
  findActor,
  getArbiter,
  GreenroomError,
  joinMesh,
  openNursery,
  run,
  sleep,
  waitForActor,
} from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'

expectNothingLeft()

test("run gives main's value, and the actor is gone afterwards", async () => {
  const name = await run(() => currentActor().name, { name: 'director' })
  expect(name).toBe('director')
  expect(() => currentActor()).toThrow(GreenroomError)
})

test("run throws main's error", async () => {
  const failure = new RangeError('oops')
  await expect(
    run(() => {
      throw failure
    }),
  ).rejects.toBe(failure)
})

test('the actor counts its calls, in the same numbers for itself and for others', async () => {
  await run(
    async () => {
      const before = currentActor().stats()
      expect(before.served.started).toBe(0)
      await using portal = await waitForActor('counting')
      await portal.call('nobody#nothing').catch(() => {})
      const { served, made, refused, functions } = currentActor().stats()
      expect(served).toMatchObject({ started: 1, failed: 1, inFlight: 0 })
      expect(made).toMatchObject({ started: 1, failed: 1 })
      expect([refused.calls, functions]).toEqual([1, []])
      expect((await portal.stats()).served).toEqual(served)
    },
    { name: 'counting' },
  )
})

test('a second run while one is live is refused, and the first one goes on', async () => {
  await run(
    async () => {
      await expect(run(() => 1)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' })
      await expect(joinMesh()).rejects.toMatchObject({ code: 'ALREADY_RUNNING' })
      expect(currentActor().name).toBe('first')
    },
    { name: 'first' },
  )
})

test('a signal given to run cancels the actor, and run rejects with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('the audience has left')
  const running = run(
    async () => {
      controller.abort(reason)
      await sleep(600_000)
    },
    { signal: controller.signal },
  )
  await expect(running).rejects.toBe(reason)
})

test('the signal of the current actor aborts when the actor is cancelled', async () => {
  let seen: unknown
  await run(async () => {
    const { signal } = currentActor()
    const aborted = once(signal, 'abort')
    const { portal } = await getArbiter()
    const cancelling = portal.cancelActor()
    await aborted
    seen = signal.reason
    await cancelling
  }).catch(() => {})
  expect(seen).toBeInstanceOf(Cancelled)
})

test('joinMesh leaves the process alone: it may join again after leaving', async () => {
  const events = [
    'SIGINT',
    'SIGTERM',
    'SIGHUP',
    'SIGQUIT',
    'SIGUSR2',
    'uncaughtException',
    'unhandledRejection',
    'exit',
  ]
  const listeners = (): number[] => events.map((event) => process.listenerCount(event))
  const before = listeners()
  for (const name of ['first', 'second']) {
    await using mesh = await joinMesh({ name })
    expect(mesh.actor).toBe(currentActor())
    expect(currentActor().name).toBe(name)
    expect(listeners()).toEqual(before)
  }
  expect(() => currentActor()).toThrow(GreenroomError)
})

test('run takes its signal handlers back when it has ended', async () => {
  const events = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'unhandledRejection']
  const listeners = (): number[] => events.map((event) => process.listenerCount(event))
  const before = listeners()
  await run(() => expect(listeners()).toEqual(before.map((count) => count + 1)))
  expect(listeners()).toEqual(before)
})

test('outside of an actor every public function says what to do', async () => {
  for (const call of [() => findActor('x'), () => getArbiter(), () => openNursery(() => {})])
    await expect(call()).rejects.toMatchObject({ code: 'NO_ACTOR' })
})

test('an actor listens on this machine only, unless told otherwise', async () => {
  await run(() => {
    const { addresses } = currentActor()
    expect(addresses.length).toBeGreaterThan(0)
    for (const address of addresses) expect(address).toMatch(/^\/(ip4\/127\.0\.0\.1\/tcp|unix)\//)
  })
})

test('an identity can be kept in a named mesh only', async () => {
  await expect(run(() => 1, { identity: 'kept' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test.each([
  [{ profile: 'moon' }, "profile 'moon' is unknown"],
  [{ logLevel: 'loud' }, "log level 'loud' is unknown"],
  [{ modules: ['./film.ts'] }, 'modules is a list of what expose'],
  [{ name: '' }, "an actor's name is a string"],
  [{ mesh: '..' }, "mesh '..' cannot be used as a mesh name"],
])('options that cannot be used, as in %j, are refused by name', async (options, message) => {
  await expect(run(() => 1, options as never)).rejects.toThrow(message)
  await expect(run(undefined as never)).rejects.toThrow('run takes the function to run')
})

test('an empty GREENROOM_MESH counts as none', async () => {
  process.env['GREENROOM_MESH'] = ''
  try {
    expect(await run(() => 'private')).toBe('private')
  } finally {
    delete process.env['GREENROOM_MESH']
  }
})
