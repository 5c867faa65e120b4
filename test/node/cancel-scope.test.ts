import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import {
  CancelScope,
  currentScope,
  currentSignal,
  outsideScopes,
  setProcessScope,
  untilCancelled,
} from '../../node/cancel-scope.ts'
import { Cancelled } from '../../node/errors.ts'
import { moveOnAfter } from '../../node/scopes.ts'
import { within } from '../support/within.ts'

describe('the tree', () => {
  test('a cancel reaches everything below with the same reason instance, and nothing above', () => {
    const root = new CancelScope()
    const middle = new CancelScope(root)
    const leaf = new CancelScope(middle)
    const sibling = new CancelScope(root)
    middle.cancel('enough')
    expect(middle.reason).toBeInstanceOf(Cancelled)
    expect(leaf.reason).toBe(middle.reason)
    expect([root.cancelled, sibling.cancelled]).toEqual([false, false])
  })

  test('a cancel reaches 100,000 scopes, each in the one before, and is told in depth first', () => {
    const top = new CancelScope()
    const heard: string[] = []
    let deepest = new CancelScope(top)
    const beside = new CancelScope(top)
    beside.onCancel(() => heard.push('beside'))
    for (let i = 0; i < 100_000; i++) deepest = new CancelScope(deepest)
    deepest.onCancel(() => heard.push('deepest'))
    top.cancel('enough')
    expect([deepest.reason, beside.reason]).toEqual([top.reason, top.reason])
    expect(heard).toEqual(['deepest', 'beside'])
  })

  test('a cancel of another scope while one is told is told at once, and both to the end', () => {
    const [one, other] = [new CancelScope(), new CancelScope()]
    const heard: string[] = []
    const inner = new CancelScope(new CancelScope(one))
    inner.onCancel(() => {
      other.cancel('as well')
      heard.push('first')
    })
    inner.onCancel(() => heard.push('second'))
    new CancelScope(other).onCancel(({ why }) => heard.push(why))
    one.onCancel(() => heard.push('third'))
    one.cancel()
    expect(heard).toEqual(['as well', 'first', 'second', 'third'])
  })

  test('only the scope that was cancelled has the reason as its own', () => {
    const root = new CancelScope()
    const leaf = new CancelScope(root)
    root.cancel('all of it')
    expect(root.ownReason).toBe(root.reason)
    expect(leaf.reason).toBe(root.reason)
    expect(leaf.ownReason).toBeUndefined()
  })

  test('the first cancel wins, later ones change nothing', () => {
    const root = new CancelScope()
    const leaf = new CancelScope(root)
    leaf.cancel('first')
    const { reason } = leaf
    leaf.cancel('second')
    root.cancel('third')
    expect(leaf.reason).toBe(reason)
    expect(reason?.why).toBe('first')
  })

  test('a scope made below a cancelled one is cancelled from the start', () => {
    const root = new CancelScope()
    root.cancel('before')
    const late = new CancelScope(root)
    expect(late.reason).toBe(root.reason)
    expect(() => late.throwIfCancelled()).toThrow(root.reason)
  })

  test('a closed scope hears of no further cancels from above', () => {
    const root = new CancelScope()
    const leaf = new CancelScope(root)
    leaf.close()
    root.cancel('too late')
    expect(leaf.cancelled).toBe(false)
  })

  test('the nearest deadline of a scope and those above it counts', () => {
    const root = new CancelScope()
    const leaf = new CancelScope(root)
    expect(leaf.deadline).toBe(Number.POSITIVE_INFINITY)
    root.deadline = 200
    leaf.deadline = 300
    expect(leaf.deadline).toBe(200)
    leaf.deadline = 100
    expect(leaf.deadline).toBe(100)
    expect(root.deadline).toBe(200)
  })
})

describe('listeners', () => {
  test('a listener is called once, at once when the cancel has happened already, never after it unlinked', () => {
    const scope = new CancelScope()
    const heard: string[] = []
    scope.onCancel(() => heard.push('linked'))
    scope.onCancel(() => heard.push('unlinked'))()
    scope.cancel()
    scope.cancel()
    scope.onCancel(() => heard.push('late'))
    expect(heard).toEqual(['linked', 'late'])
  })

  test('the signal aborts with the reason itself, whether it was asked for before or after the cancel', () => {
    const early = new CancelScope()
    const { signal } = early
    early.cancel()
    const late = new CancelScope()
    late.cancel()
    expect([signal.aborted, signal.reason === early.reason]).toEqual([true, true])
    expect([late.signal.aborted, late.signal.reason === late.reason]).toEqual([true, true])
  })

  test('a wait for a promise that never settles ends with the reason', async () => {
    const scope = new CancelScope()
    const waiting = untilCancelled(scope, new Promise(() => {}))
    scope.cancel('enough')
    await expect(waiting).rejects.toBe(scope.reason)
  })

  test('100,000 scopes that come and go leave no memory behind, nested or one after another', async () => {
    const root = new CancelScope()
    const cycle = (): void => {
      const middle = new CancelScope(root)
      const leaf = new CancelScope(middle)
      leaf.onCancel(() => {})()
      expect(leaf.signal.aborted).toBe(false)
      leaf.close()
      middle.close()
    }
    const run = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        cycle()
        await root.run(async () => await untilCancelled(currentScope(), Promise.resolve()))
      }
    }
    await run(5_000)
    const before = heapAfterGc()
    await run(100_000)
    expect(heapAfterGc() - before).toBeLessThan(2 * 1024 * 1024)
  })
})

describe('the ambient scope', () => {
  test('it is the one that code was started in, across awaits and timers', async () => {
    const scope = new CancelScope()
    const seen = await scope.run(async () => {
      await delay(1)
      const { promise, resolve } = Promise.withResolvers<CancelScope>()
      setImmediate(() => resolve(currentScope()))
      return await promise
    })
    expect(seen).toBe(scope)
    expect(currentScope()).not.toBe(scope)
  })

  test('code that runs in no scope has the one of the process, and one that never ends without that', () => {
    const unbounded = currentScope()
    expect(unbounded.cancelled).toBe(false)
    const actor = new CancelScope()
    const undo = setProcessScope(actor, 'donny')
    try {
      expect(currentScope()).toBe(actor)
      actor.cancel('curtain')
      expect(actor.reason?.by).toBe('donny')
    } finally {
      undo()
    }
    expect(currentScope()).toBe(unbounded)
  })

  test('what runs outside scopes does not see the scope of whoever started it', async () => {
    const scope = new CancelScope()
    const seen = await scope.run(
      async () =>
        await outsideScopes(async () => {
          await delay(1)
          return currentScope()
        }),
    )
    expect(seen).not.toBe(scope)
  })
})

describe('the current signal', () => {
  test('it ends a platform timer, and the AbortError is known as the echo', async () => {
    const { cancelled } = await within(
      'the timer',
      moveOnAfter(5, async () => await delay(60_000, undefined, { signal: currentSignal() })),
    )
    expect(cancelled).toBe(true)
  })

  test('it ends a wait for an event', async () => {
    const { cancelled } = await within(
      'the wait',
      moveOnAfter(5, async () => await once(process, 'greenroom-never', { signal: currentSignal() })),
    )
    expect(cancelled).toBe(true)
  })

  test('it ends a fetch, and the reason itself is known as the echo', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      const { cancelled } = await within(
        'the fetch',
        moveOnAfter(20, async () => await fetch(`http://127.0.0.1:${port}`, { signal: currentSignal() })),
      )
      expect(cancelled).toBe(true)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

function heapAfterGc(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  return process.memoryUsage().heapUsed
}
