import { expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { Places } from '../../rpc/places.ts'
import { within } from '../support/within.ts'

const full = new Error('full')
const scope = new CancelScope()

test('who finds no place waits until one is given, in the order of arrival', async () => {
  const places = new Places(1, 10, () => full)
  expect(places.take(scope)).toBeUndefined()
  const order: number[] = []
  const waiting = [1, 2, 3].map(async (i) => {
    await places.take(scope)
    order.push(i)
    places.give()
  })
  places.give()
  await within('all of them', Promise.all(waiting))
  expect(order).toEqual([1, 2, 3])
  expect(places.take(scope)).toBeUndefined()
})

test('who is cancelled while it waits takes no place away', async () => {
  const places = new Places(1, 10, () => full)
  void places.take(scope)
  const cancelled = new CancelScope()
  const gone = places.take(cancelled)
  const next = places.take(scope)
  cancelled.cancel('enough')
  await expect(gone).rejects.toBe(cancelled.reason)
  places.give()
  await within('the next one', next!)
})

test('more than may wait are refused', async () => {
  const places = new Places(0, 1, () => full)
  const first = places.take(scope)
  await expect(places.take(scope)).rejects.toBe(full)
  places.admitAll()
  await within('the first one', first!)
})
