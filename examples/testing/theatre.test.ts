// Tests of your own actors, in vitest: a mesh in this process, time that passes when the test says so, and nothing left behind.
import { beforeEach, expect, test } from 'vitest'
import { failAfter, findActor, openNursery, RemoteActorError, sleep } from '../../index.ts'
import { fakeClock, openTestMesh, watchLeftovers } from '../../testing/index.ts'
import { assertErr } from '../failing.ts'
import { film, hi, sayHello } from '../scene.ts'
import { movieTheatreQuestion, theatre } from '../theatre.ts'

// what a hook of vitest returns is called when the test is over
beforeEach(() => watchLeftovers())

test('frank answers', async () => {
  await using mesh = await openTestMesh()
  const frank = await mesh.startActor('frank', { modules: [theatre] })
  expect(await frank.portal.run(movieTheatreQuestion)).toBe('have you ever seen a portal?')
})

test('donny finds gretchen, and does not once she is dead', async () => {
  await using mesh = await openTestMesh()
  const donny = await mesh.startActor('donny', { modules: [film] })
  const gretchen = await mesh.startActor('gretchen', { modules: [film] })
  expect(await donny.act(() => sayHello('gretchen'))).toBe('Hi my name is gretchen')
  await gretchen.die()
  expect(await donny.act(() => findActor('gretchen'))).toBeUndefined()
})

test('one failure ends the whole cast, in this process as between processes', async () => {
  await using mesh = await openTestMesh()
  const play = mesh.act(() =>
    openNursery(async (nursery) => {
      const donny = await nursery.startActor('donny', { modules: [film] })
      expect(await donny.run(hi)).toBe('Hi my name is donny')
      await nursery.runInActor('frank', assertErr)
    }),
  )
  await expect(play).rejects.toBeInstanceOf(RemoteActorError)
  expect(await mesh.act(() => findActor('donny'))).toBeUndefined()
})

test('the deadline of an hour is over at once', async () => {
  using clock = fakeClock()
  const late = Promise.allSettled([failAfter(3_600_000, () => sleep(7_200_000))])
  await clock.advance(3_600_000)
  expect(await late).toMatchObject([{ status: 'rejected', reason: { code: 'DEADLINE_EXCEEDED' } }])
})
