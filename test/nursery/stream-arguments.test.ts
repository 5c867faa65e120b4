import { afterEach, beforeEach, expect, test } from 'vitest'
import { cancelScope, joinMesh, type JoinedMesh, openNursery, type RemoteStream } from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { listeners, remainingAlong, sum, take, upper } from '../rpc/fixtures/listeners.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh()
})
afterEach(async () => await mesh.leave())

async function* words(...list: string[]): AsyncGenerator<string> {
  for (const word of list) yield await Promise.resolve(word)
}

async function* numbers(left: () => void): AsyncGenerator<number> {
  try {
    for (let i = 1; ; i++) yield await Promise.resolve(i)
  } finally {
    left()
  }
}

test('arguments stream to the main task of another process, and what it streams comes back', async () => {
  const shouted: string[] = []
  await openNursery(async (nursery) => {
    const portal = await nursery.runInActor('upper', upper, words('hi', 'ho'))
    const stream: RemoteStream<string> = portal.result()
    for await (const word of stream) shouted.push(word)
  })
  expect(shouted).toEqual(['HI', 'HO'])
})

test('what a main task streams is over for everybody when a reader in a shorter scope was cancelled, and so is its actor', async () => {
  const open = openNursery(async (nursery) => {
    const portal = await nursery.runInActor('endless', remainingAlong, [])
    let read = 0
    const { cancelled } = await cancelScope(async (scope) => {
      for await (const _ of portal.result()) if (++read === 3) scope.cancel()
    })
    expect([cancelled, read]).toEqual([true, 3])
    expect(await portal.result().next()).toEqual({ done: true, value: undefined })
  })
  await within('the nursery', open)
})

test('arguments stream to a daemon, and leaving them ends their source here', async () => {
  let left = 0
  await openNursery(async (nursery) => {
    const portal = await nursery.startActor('listener', { modules: [listeners] })
    const taken = portal.run(
      take<number>,
      numbers(() => (left += 1)),
      3,
    )
    expect(await within('the items', taken)).toEqual([1, 2, 3])
    async function* few(): AsyncGenerator<number> {
      for (const number of [1, 2, 3, 4]) yield await Promise.resolve(number)
    }
    expect(await within('the sum', portal.run(sum, few()))).toBe(10)
    nursery.cancel()
  })
  expect(left).toBe(1)
})

test('arguments of a main task whose process does not become an actor are left', async () => {
  let left = 0
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => await Promise.resolve({ done: false, value: 1 }),
      return: async () => {
        left += 1
        return await Promise.resolve({ done: true, value: undefined })
      },
    }),
  }
  const started = openNursery(async (nursery) => await nursery.runInActor('sum', sum, source), { bootTimeoutMs: 1 })
  await expect(within('the nursery', started)).rejects.toMatchObject({ code: 'BOOT_FAILED' })
  expect(left).toBe(1)
})
