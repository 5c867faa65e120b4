import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import {
  cancelScope,
  Cancelled,
  getArbiter,
  joinMesh,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  waitForActor,
  watchActors,
} from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'

expectNothingLeft()

test('a scope around run cancels it, and absorbs its own cancel', async () => {
  let inner: unknown
  const { cancelled } = await within(
    'the scope',
    moveOnAfter(300, async () => {
      await run(async () => {
        await openNursery(async (nursery) => {
          await nursery.startActor('daemon')
          await sleep(600_000)
        }).catch((error: unknown) => {
          inner = error
          throw error
        })
      })
    }),
    10_000,
  )
  expect(cancelled).toBe(true)
  expect(inner).toBeInstanceOf(Cancelled)
})

test('leaving ends what runs and waits in a scope that is older than the actor', async () => {
  await cancelScope(async () => {
    const mesh = await joinMesh()
    const block = openNursery(async (nursery) => {
      await nursery.startActor('daemon')
    })
    const waits = [
      block,
      waitForActor('nobody'),
      watchActors('nobody').next(),
      getArbiter().then(async () => await waitForActor('x')),
    ]
    const ends = Promise.allSettled(waits)
    await waitForActor('daemon')
    await within('the leave', mesh.leave())
    for (const end of await within('all of them', ends))
      expect(end).toMatchObject({ status: 'rejected', reason: { why: 'the service left the mesh' } })
  })
})

test('a refused second run takes nothing from the first one', async () => {
  await run(async () => {
    await expect(run(() => 1)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' })
    expect(await openNursery(() => 'a block')).toBe('a block')
  })
})

test('a program that is given as text has actors as well', async () => {
  const index = new URL('../../index.ts', import.meta.url).href
  const program = `import { openNursery, run } from '${index}'
    await run(() => openNursery(async (nursery) => {
      console.log((await nursery.startActor('donny')).name)
      nursery.cancel()
    }))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  expect(stdout).toBe('donny\n')
})
