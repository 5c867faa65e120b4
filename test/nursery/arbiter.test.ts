import { expect, test } from 'vitest'
import {
  currentActor,
  DeadlineExceeded,
  failAfter,
  getArbiter,
  joinMesh,
  openNursery,
  run,
  watchArbiter,
} from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { actors, whoAmI } from './fixtures/actors.ts'

useRuntimeDir()
expectNothingLeft()

test('the arbiter of a mesh of one is asked on itself, and can be called there', async () => {
  await run(
    async () => {
      const { portal, term, provisional } = await getArbiter()
      expect({ id: portal.id, term, provisional }).toEqual({ id: currentActor().id, term: 1, provisional: false })
      expect(await portal.run(whoAmI)).toMatchObject({ name: 'root' })
    },
    { modules: [actors] },
  )
})

test('children know the arbiter of their tree', async () => {
  await run(() =>
    openNursery(async (nursery) => {
      const child = await nursery.startActor('child', { modules: [actors] })
      const changes = watchArbiter()
      const { value } = await changes.next()
      expect(value).toMatchObject({ term: 1, actor: { name: 'root' }, provisional: false })
      await changes.return(undefined as never)
      expect(await child.run(whoAmI)).toMatchObject({ name: 'child' })
      nursery.cancel()
    }),
  )
})

test('without a majority of the declared electors there is no arbiter, and waiting for one says so', async () => {
  await using _mesh = await joinMesh({ mesh: 'minority', name: 'a', arbiter: { quorum: ['a', 'b', 'c'] } })
  const waiting = failAfter(deadline(300), getArbiter)
  await expect(waiting).rejects.toBeInstanceOf(DeadlineExceeded)
  await expect(waiting).rejects.toThrow('while waiting for an arbiter')
  const { value } = await watchArbiter().next()
  expect(value).toMatchObject({ actor: undefined })
})
