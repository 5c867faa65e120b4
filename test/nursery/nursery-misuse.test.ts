import { afterEach, beforeEach, expect, test } from 'vitest'
import { InvalidArgument, joinMesh, type JoinedMesh, NotExposed, openNursery } from '../../index.ts'
import { MAX_NAME_BYTES } from '../../node/actor-name.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ name: 'root' })
})
afterEach(async () => await mesh.leave())

test('a function that was not exposed is named before a process is started', async () => {
  const stranger = async (): Promise<number> => 1
  await openNursery(async (nursery) => {
    const error = await failureOf(nursery.runInActor('one', stranger))
    expect(error).toBeInstanceOf(NotExposed)
    expect((error as Error).message).toContain('stranger')
  })
})

test('a name that is empty or too long is refused', async () => {
  await openNursery(async (nursery) => {
    await expect(nursery.startActor('')).rejects.toBeInstanceOf(InvalidArgument)
    await expect(nursery.startActor('x'.repeat(MAX_NAME_BYTES + 1))).rejects.toBeInstanceOf(InvalidArgument)
  })
})

test('children cannot be started after the block has ended', async () => {
  const nursery = await openNursery((open) => open)
  await expect(nursery.startActor('late')).rejects.toBeInstanceOf(InvalidArgument)
  expect(() => nursery.start(() => {})).toThrow(InvalidArgument)
})

test('a block or a task that is no function is refused by name', async () => {
  await expect(openNursery({ strategy: 'one-for-one' } as never)).rejects.toThrow(
    "openNursery takes a function as its body, got { strategy: 'one-for-one' }",
  )
  await openNursery((nursery) => {
    expect(() => nursery.start(5 as never)).toThrow('start takes a function as its body, got 5')
  })
})

test('times out of bounds are refused', async () => {
  await expect(openNursery(() => {}, { graceMs: -1 })).rejects.toBeInstanceOf(InvalidArgument)
  await expect(openNursery(() => {}, { bootTimeoutMs: 0 })).rejects.toBeInstanceOf(InvalidArgument)
})
