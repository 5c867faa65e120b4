import { describe, expect, test } from 'vitest'
import { CancelScope, currentScope } from '../../node/cancel-scope.ts'
import { Cancelled, DeadlineExceeded, InvalidArgument } from '../../node/errors.ts'
import { cancelScope, failAfter, MAX_TIMEOUT_MS, moveOnAfter, shield, sleep } from '../../node/scopes.ts'
import { eventually } from '../support/eventually.ts'
import { within } from '../support/within.ts'

const forever = 1_000_000

describe('cancelScope', () => {
  test('its body steers it, and its own cancel ends there', async () => {
    const result = await cancelScope(async (scope) => {
      expect([scope.cancelled, scope.signal.aborted]).toEqual([false, false])
      setImmediate(() => scope.cancel('enough'))
      await sleep(forever)
    })
    expect(result).toEqual({ cancelled: true, value: undefined })
  })

  test('a value is handed through, also when the body answers at once', async () => {
    expect(await cancelScope(() => 7)).toEqual({ cancelled: false, value: 7 })
    expect(await cancelScope(async () => await Promise.resolve(8))).toEqual({ cancelled: false, value: 8 })
  })

  test('a body that ends with a value in spite of the cancel keeps its value', async () => {
    const result = await cancelScope((scope) => {
      scope.cancel('too late')
      return 'done'
    })
    expect(result).toEqual({ cancelled: false, value: 'done' })
  })

  test('an error that is no echo goes on, also after the cancel', async () => {
    const boom = new Error('boom')
    const failing = cancelScope(async (scope) => {
      scope.cancel('enough')
      await sleep(forever).catch(() => {})
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
  })

  test('a cancel of the outer scope goes through the inner one and is absorbed where it was made', async () => {
    const inner = Promise.withResolvers<unknown>()
    const outer = await cancelScope(async (scope) => {
      setImmediate(() => scope.cancel('outer'))
      await cancelScope(async () => await sleep(forever)).catch((error: unknown) => {
        inner.resolve(error)
        throw error
      })
    })
    expect(outer.cancelled).toBe(true)
    expect(await inner.promise).toMatchObject({ code: 'CANCELLED', why: 'outer' })
  })

  test('it waits for the body to end, whatever the cancel', async () => {
    const order: string[] = []
    await cancelScope(async (scope) => {
      scope.cancel('enough')
      try {
        await sleep(forever)
      } finally {
        await shield(forever, async () => await sleep(5))
        order.push('cleaned up')
      }
    })
    order.push('left')
    expect(order).toEqual(['cleaned up', 'left'])
  })
})

describe('moveOnAfter', () => {
  test('it gives the value of a body that is done in time', async () => {
    expect(await moveOnAfter(forever, () => 'value')).toEqual({ cancelled: false, value: 'value' })
  })

  test('it cancels a body that is not, and goes on', async () => {
    const result = await within(
      'the scope',
      moveOnAfter(5, async () => await sleep(forever)),
    )
    expect(result).toEqual({ cancelled: true, value: undefined })
  })

  test('zero milliseconds cancel whatever waits', async () => {
    expect(
      await within(
        'the scope',
        moveOnAfter(0, async () => await sleep(forever)),
      ),
    ).toMatchObject({ cancelled: true })
  })

  test('the nearer deadline of an enclosing scope wins, and the enclosing scope is the one that is cancelled', async () => {
    let inner: unknown
    const outer = await within(
      'the scopes',
      moveOnAfter(5, async () => {
        inner = await moveOnAfter(forever, async () => await sleep(forever))
      }),
    )
    expect(outer.cancelled).toBe(true)
    expect(inner).toBeUndefined()
  })

  test('the nearer deadline of an inner scope leaves the enclosing one alone', async () => {
    const outer = await within(
      'the scopes',
      moveOnAfter(forever, async () => await moveOnAfter(5, async () => await sleep(forever))),
    )
    expect(outer).toEqual({ cancelled: false, value: { cancelled: true, value: undefined } })
  })

  test('the deadline is visible inside as the nearest one, on the clock of performance.now()', async () => {
    await moveOnAfter(1_000, async () => {
      const { deadline } = currentScope()
      expect(deadline - performance.now()).toBeLessThanOrEqual(1_000)
      await moveOnAfter(50_000, () => expect(currentScope().deadline).toBe(deadline))
      await moveOnAfter(10, () => expect(currentScope().deadline).toBeLessThan(deadline))
    })
  })

  test('it leaves no timer behind', async () => {
    const before = timers()
    await moveOnAfter(forever, () => {})
    await moveOnAfter(forever, () => Promise.reject(new Error('boom'))).catch(() => {})
    expect(timers()).toBe(before)
  })
})

describe('failAfter', () => {
  test('it gives the value of a body that is done in time', async () => {
    expect(await failAfter(forever, () => 'value')).toBe('value')
  })

  test('it throws DeadlineExceeded with the milliseconds when the time is over', async () => {
    const late = failAfter(5, async () => await sleep(forever))
    await expect(within('the scope', late)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', ms: 5 })
    await expect(late).rejects.toBeInstanceOf(DeadlineExceeded)
  })

  test('its error says what was cut short', async () => {
    await expect(failAfter(5, () => sleep(60_000))).rejects.toThrow('not done within 5 ms, while sleeping for 60000 ms')
  })

  test('it hands on what the body throws', async () => {
    await expect(failAfter(forever, () => Promise.reject(new RangeError('boom')))).rejects.toThrow(RangeError)
  })

  test('a cancel from outside stays a cancel', async () => {
    const scope = new CancelScope()
    const failing = scope.run(async () => await failAfter(forever, async () => await sleep(forever)))
    scope.cancel('from outside')
    await expect(failing).rejects.toBe(scope.reason)
  })
})

describe('shield', () => {
  test('a cancel that arrives while it holds does not reach the body', async () => {
    const scope = new CancelScope()
    const value = await scope.run(
      async () =>
        await shield(forever, async () => {
          scope.cancel('not here')
          await sleep(5)
          return 'cleaned up'
        }),
    )
    expect(value).toBe('cleaned up')
    expect(scope.cancelled).toBe(true)
  })

  test('the cancel is kept, and delivered to the body when the time is over', async () => {
    const scope = new CancelScope()
    const stuck = scope.run(async () => await shield(20, async () => await sleep(forever)))
    scope.cancel('late')
    await expect(within('the shield', stuck)).rejects.toBe(scope.reason)
  })

  test('a cancel that arrives after the time is delivered at once', async () => {
    const scope = new CancelScope()
    const started = Promise.withResolvers<void>()
    const stuck = scope.run(
      async () =>
        await shield(0, async () => {
          await sleep(5)
          started.resolve()
          await sleep(forever)
        }),
    )
    await started.promise
    scope.cancel('now')
    await expect(within('the shield', stuck)).rejects.toBe(scope.reason)
  })

  test('the next cancel point after it hears of the cancel', async () => {
    const scope = new CancelScope()
    const after = scope.run(async () => {
      await shield(forever, () => scope.cancel('kept'))
      await sleep(0)
    })
    await expect(after).rejects.toBe(scope.reason)
  })

  test('a scope opened inside still cancels its own body', async () => {
    const inner = await within(
      'the scope',
      shield(forever, async () => await moveOnAfter(5, async () => await sleep(forever))),
    )
    expect(inner.cancelled).toBe(true)
  })

  test('the deadline of the scopes outside does not hold inside', async () => {
    await moveOnAfter(
      1_000,
      async () => await shield(10, () => expect(currentScope().deadline).toBe(Number.POSITIVE_INFINITY)),
    )
  })
})

describe('sleep', () => {
  test('it is a cancel point: it rejects with the reason as soon as the scope is cancelled', async () => {
    const scope = new CancelScope()
    const sleeping = scope.run(async () => await sleep(forever))
    scope.cancel('wake up')
    await expect(sleeping).rejects.toBe(scope.reason)
  })

  test('it does not even start in a cancelled scope', async () => {
    const scope = new CancelScope()
    scope.cancel('before')
    await expect(scope.run(async () => await sleep(0))).rejects.toBe(scope.reason)
  })

  test('a cancelled sleep leaves no timer behind', async () => {
    const before = timers()
    const scope = new CancelScope()
    const sleeping = scope.run(async () => await sleep(forever))
    scope.cancel('wake up')
    await sleeping.catch(() => {})
    await eventually('no timer is left', () => timers() <= before)
  })
})

describe('milliseconds', () => {
  const verbs: [string, (ms: number) => Promise<unknown>][] = [
    ['sleep', async (ms) => await sleep(ms)],
    ['moveOnAfter', async (ms) => await moveOnAfter(ms, () => {})],
    ['failAfter', async (ms) => await failAfter(ms, () => {})],
    ['shield', async (ms) => await shield(ms, () => {})],
  ]
  const wrong = [-1, Number.NaN, Number.POSITIVE_INFINITY, MAX_TIMEOUT_MS + 1, '5' as unknown as number]

  test.each(verbs)('%s refuses what is no number of 0 to 2^31-1', async (verb, call) => {
    for (const ms of wrong) {
      const refused = await call(ms).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(InvalidArgument)
      expect(refused).toHaveProperty('message', expect.stringContaining(`${verb} takes milliseconds`))
    }
  })

  test.each(verbs.slice(1))('%s takes the largest number there is', async (_, call) => {
    await call(MAX_TIMEOUT_MS)
  })
})

test('a cancel says who asked for it and why', () => {
  const reason = new Cancelled('donny', 'the scene is over')
  expect(reason).toMatchObject({ by: 'donny', why: 'the scene is over', code: 'CANCELLED' })
  expect(reason.message).toBe('cancelled by donny: the scene is over')
})

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

test('a body that is no function is refused by name', async () => {
  const calls = [
    () => moveOnAfter(1, 2 as never),
    () => failAfter(1, undefined as never),
    () => cancelScope({} as never),
  ]
  for (const call of calls)
    await expect(call()).rejects.toThrow(/(moveOnAfter|failAfter|cancelScope) takes a function as its body/)
})
