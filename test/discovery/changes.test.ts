import { expect, test } from 'vitest'
import { changesOf, MAX_WAITING_CHANGES } from '../../discovery/changes.ts'
import { Cancelled, moveOnAfter } from '../../index.ts'
import { CancelScope } from '../../node/cancel-scope.ts'
import { within } from '../support/within.ts'

/** A source that the test pushes into. */
function source<T>(life = new CancelScope()) {
  let push: (change: T) => void = () => expect.unreachable('nobody has subscribed')
  let subscribed = 0
  const changes = changesOf<T>(life, (to) => {
    subscribed += 1
    push = to
    return {
      unsubscribe: () => {
        subscribed -= 1
      },
    }
  })
  return { changes, push: (change: T) => push(change), subscribed: () => subscribed }
}

test('a watcher gets every change in order, pushed before or while it waits', async () => {
  const { changes, push } = source<number>()
  const first = changes.next()
  push(1)
  push(2)
  expect(await first).toEqual({ done: false, value: 1 })
  expect(await changes.next()).toEqual({ done: false, value: 2 })
  const third = changes.next()
  push(3)
  expect(await third).toEqual({ done: false, value: 3 })
  await changes.return(undefined as never)
})

test('a watcher that leaves, or whose scope is cancelled, is unsubscribed', async () => {
  const left = source<number>()
  const waiting = left.changes.next()
  left.push(1)
  await waiting
  expect(left.subscribed()).toBe(1)
  await left.changes.return(undefined as never)
  expect(left.subscribed()).toBe(0)

  const cut = source<number>()
  let reason: unknown
  await moveOnAfter(1, async () => {
    await cut.changes.next().catch((error: unknown) => {
      reason = error
      throw error
    })
  })
  expect(reason).toBeInstanceOf(Cancelled)
  expect(cut.subscribed()).toBe(0)
})

test('a watcher that lags too far behind gets what was kept, then an error, never a gap', async () => {
  const { changes, push } = source<number>()
  const first = changes.next()
  for (let i = 0; i <= MAX_WAITING_CHANGES; i++) push(i)
  const seen = [(await first).value]
  let error: unknown
  try {
    for await (const change of changes) seen.push(change)
  } catch (lagged) {
    error = lagged
  }
  expect(seen).toEqual(Array.from({ length: MAX_WAITING_CHANGES }, (_, i) => i))
  expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'MAX_WAITING_CHANGES' })
})

test('a watcher that leaves while it waits for a change is not held up', async () => {
  const { changes, push, subscribed } = source<number>()
  const first = changes.next()
  push(1)
  await first
  const waiting = changes.next()
  expect(await within('the leave', changes.return(undefined as never))).toEqual({ done: true, value: undefined })
  expect(await within('the wait', waiting)).toEqual({ done: true, value: undefined })
  expect(subscribed()).toBe(0)
})

test('a watcher ends with its source', async () => {
  const life = new CancelScope()
  const { changes, subscribed } = source<number>(life)
  const waiting = changes.next()
  life.cancel('the actor ends')
  await expect(within('the wait', waiting)).rejects.toBe(life.reason)
  expect(subscribed()).toBe(0)
})

test('what is there at first comes first, however much it is, and does not count as waiting', async () => {
  const present = Array.from({ length: MAX_WAITING_CHANGES + 1 }, (_, i) => i)
  const changes = changesOf<number>(new CancelScope(), (push) => {
    push(-1)
    return { present, unsubscribe: () => {} }
  })
  const seen: number[] = []
  for await (const change of changes) {
    seen.push(change)
    if (change === -1) break
  }
  expect(seen).toEqual([...present, -1])
})

test('a source that fails ends its watcher after what it gave before', async () => {
  const changes = changesOf<number>(new CancelScope(), (push, fail) => {
    push(1)
    fail(new Error('broken'))
    push(2)
    return { unsubscribe: () => {} }
  })
  expect(await changes.next()).toEqual({ done: false, value: 1 })
  await expect(changes.next()).rejects.toThrow('broken')
})
