import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  InvalidArgument,
  joinMesh,
  type JoinedMesh,
  type Nursery,
  type NurseryOptions,
  openNursery,
  type Restart,
  sleep,
  type Strategy,
  TooManyRestarts,
} from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { Puppet, stage, swift } from './fixtures/puppets.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ name: 'root', logLevel: 'error' })
})
afterEach(async () => await mesh.leave())

describe('permanent, transient, temporary', () => {
  test.each<[Restart, 'return' | 'fail', boolean]>([
    ['permanent', 'return', true],
    ['permanent', 'fail', true],
    ['transient', 'return', false],
    ['transient', 'fail', true],
    ['temporary', 'return', false],
    ['temporary', 'fail', false],
  ])('a %s child that ends by "%s" is started again: %s', async (restart, how, again) => {
    await stage({ strategy: 'one-for-one' }, { a: restart }, async ({ puppets, results, nursery }) => {
      const a = puppets['a']!
      a.end(how)
      if (again) await eventually('it runs again', () => a.runs === 2)
      else {
        await results['a']!.result().catch(() => {})
        await sleep(50)
      }
      expect(a.runs).toBe(again ? 2 : 1)
      expect(nursery.cancelled).toBe(false)
      expect(nursery.report.children[0]).toMatchObject({
        restartCount: again ? 1 : 0,
        outcome: again ? 'running' : how === 'fail' ? 'failed' : 'done',
      })
    })
  })

  test('the result of a restarted task is that of its last run', async () => {
    await stage({ strategy: 'one-for-one' }, { a: 'transient' }, async ({ puppets, results }) => {
      puppets['a']!.end('fail')
      await eventually('it runs again', () => puppets['a']!.runs === 2)
      puppets['a']!.end('return')
      expect(await results['a']!.result()).toBe('a returned')
    })
  })

  test('a nursery whose supervised children have all ended for good ends by itself', async () => {
    const value = await openNursery(
      (nursery) => {
        nursery.start(async () => await sleep(10), { restart: 'transient' })
        nursery.start(
          async () => {
            await sleep(10)
            throw new Error('nobody minds')
          },
          { restart: 'temporary' },
        )
        return 'done'
      },
      { strategy: 'one-for-one' },
    )
    expect(value).toBe('done')
  })
})

describe('strategies', () => {
  const all = { a: 'permanent', b: 'permanent', c: 'permanent' } as const

  test.each<[Strategy, string, string]>([
    ['one-for-one', 'b', '-b +b'],
    ['one-for-all', 'b', '-b -c -a +a +b +c'],
    ['one-for-all', 'a', '-a -c -b +a +b +c'],
    ['rest-for-one', 'b', '-b -c +b +c'],
    ['rest-for-one', 'c', '-c +c'],
    ['rest-for-one', 'a', '-a -c -b +a +b +c'],
  ])('%s: %s fails, then %s', async (strategy, failing, expected) => {
    const log = await stage({ strategy }, all, async ({ log, puppets }) => {
      await eventually('all run', () => log.length === 3)
      log.splice(0)
      puppets[failing]!.end('fail')
      await eventually('all have been restarted', () => log.join(' ').length >= expected.length)
      await sleep(20)
      expect(log.join(' ')).toBe(expected)
      log.splice(0)
    })
    // and the end comes in reverse order
    expect(log.join(' ')).toBe('-c -b -a')
  })

  test.each(['one-for-all', 'rest-for-one'] as const)(
    '%s: a temporary bystander ends with the others and does not come back',
    async (strategy) => {
      await stage(
        { strategy, maxRestarts: 1 },
        { a: 'permanent', b: 'temporary' },
        async ({ log, puppets, nursery }) => {
          await eventually('all run', () => log.length === 2)
          puppets['a']!.end('fail')
          await eventually('the first one is back', () => puppets['a']!.runs === 2)
          await sleep(50)
          expect(puppets['b']!.runs).toBe(1)
          expect(nursery.cancelled).toBe(false)
          expect(nursery.report.children[1]).toMatchObject({ name: 'task', outcome: 'cancelled' })
        },
      )
    },
  )

  test.each(['one-for-all', 'rest-for-one'] as const)(
    '%s: one that fails at its restart is restarted with those that its strategy says',
    async (strategy) => {
      const log: string[] = []
      await openNursery(
        async (nursery) => {
          const a = new Puppet('a', log)
          const b = new Puppet('b', log, (run) => run === 2)
          for (const { task } of [a, b]) nursery.start(task, { restart: 'permanent' })
          await eventually('both run', () => log.length === 2)
          a.end('fail')
          await eventually('both run again', () => b.runs === 3)
          expect(a.runs).toBe(strategy === 'one-for-all' ? 3 : 2)
          nursery.cancel()
        },
        { ...swift, strategy, maxRestarts: 3 },
      )
    },
  )

  test('children that are independent do not wait for each other’s backoff', async () => {
    await stage(
      { strategy: 'one-for-one', backoff: { firstMs: 600, maxMs: 600_000 } },
      { a: 'permanent', b: 'permanent' },
      async ({ puppets, log }) => {
        await eventually('both run', () => log.length === 2)
        const failed = performance.now()
        puppets['a']!.end('fail')
        puppets['b']!.end('fail')
        await eventually('both run again', () => puppets['a']!.runs === 2 && puppets['b']!.runs === 2)
        expect(performance.now() - failed).toBeGreaterThanOrEqual(300)
        expect(performance.now() - failed).toBeLessThan(1_100)
      },
    )
  })
})

describe('intensity', () => {
  test.each(['one-for-one', 'one-for-all', 'rest-for-one'] as const)(
    '%s: more restarts than allowed fail the nursery, which cancels all and says why',
    async (strategy) => {
      let nursery: Nursery | undefined
      const log: string[] = []
      const error = await failureOf(
        openNursery(
          async (opened) => {
            nursery = opened
            const bystander = new Puppet('bystander', log)
            opened.start(bystander.task, { restart: 'permanent' })
            opened.start(
              () => {
                throw new RangeError('again and again')
              },
              { restart: 'permanent' },
            )
            await sleep(600_000)
          },
          { ...swift, strategy, maxRestarts: 2 },
        ),
      )
      expect(error).toBeInstanceOf(TooManyRestarts)
      expect((error as TooManyRestarts).cause).toBeInstanceOf(RangeError)
      expect((error as TooManyRestarts).message).toContain('more than 2 restarts within 5000 ms')
      expect(log.at(-1)).toBe('-bystander')
      expect(nursery?.report.children.map(({ restartCount, outcome }) => [restartCount, outcome])[1]).toEqual([
        2,
        'failed',
      ])
    },
  )

  test('no restart at all is allowed by maxRestarts: 0', async () => {
    const error = await failureOf(
      openNursery(
        (nursery) => {
          nursery.start(() => Promise.reject(new Error('once')), { restart: 'permanent' })
        },
        { strategy: 'one-for-one', maxRestarts: 0 },
      ),
    )
    expect(error).toBeInstanceOf(TooManyRestarts)
  })

  test('a child that ends too often by itself, without an error, is no cause', async () => {
    const error = await failureOf(
      openNursery((nursery) => void nursery.start(function idle() {}, { restart: 'permanent' }), {
        ...swift,
        strategy: 'one-for-one',
        maxRestarts: 1,
      }),
    )
    expect(error).toBeInstanceOf(TooManyRestarts)
    expect(error).not.toHaveProperty('cause')
    expect((error as Error).message).toBe("'idle' is not restarted: more than 1 restart within 5000 ms would be needed")
  })

  test('restarts that are further apart than the window go on', async () => {
    await stage(
      { strategy: 'one-for-one', maxRestarts: 1, withinMs: 40 },
      { a: 'permanent' },
      async ({ puppets, nursery }) => {
        for (let run = 1; run <= 4; run++) {
          await eventually('it runs', () => puppets['a']!.runs === run)
          await sleep(60)
          puppets['a']!.end('fail')
        }
        await eventually('it runs', () => puppets['a']!.runs === 5)
        expect(nursery.cancelled).toBe(false)
      },
    )
  })

  test('a child that fails at every start does not keep its supervisor from ending', async () => {
    await openNursery(
      async (nursery) => {
        nursery.start(() => Promise.reject(new Error('always')), { restart: 'permanent' })
        await sleep(100)
        nursery.cancel()
      },
      { strategy: 'rest-for-one', maxRestarts: 10_000, backoff: { firstMs: 0 } },
    )
  })
})

test.each<[NurseryOptions, string]>([
  [{ strategy: 'none-for-one' as Strategy }, "strategy 'none-for-one' is unknown"],
  [{ maxRestarts: -1 }, 'maxRestarts is a whole number from 0 to 10000'],
  [{ maxRestarts: Number.POSITIVE_INFINITY }, 'maxRestarts is a whole number'],
  [{ withinMs: 0 }, 'withinMs is 1 to'],
  [{ withinMs: Number.POSITIVE_INFINITY }, 'withinMs is 1 to'],
  [{ backoff: { firstMs: -1 } }, 'backoff.firstMs is 0 to'],
  [{ backoff: { firstMs: 100, maxMs: 50 } }, 'backoff.maxMs is 100 to'],
])('options that cannot be used, as in %j, are refused by name', async (options, message) => {
  const error = await failureOf(openNursery(() => {}, options))
  expect(error).toBeInstanceOf(InvalidArgument)
  expect((error as Error).message).toContain(message)
})

test('what a child is to be restarted for is checked before it starts', async () => {
  await openNursery(async (nursery) => {
    expect(() => nursery.start(() => {}, { restart: 'permanent' })).toThrow('needs a nursery that restarts')
    await expect(nursery.startActor('a', { restart: 'permanent' })).rejects.toThrow('needs a nursery that restarts')
  })
  await openNursery(
    async (nursery) => {
      expect(() => nursery.start(() => {}, { restart: 'prmanent' as Restart })).toThrow("restart 'prmanent' is unknown")
      await expect(nursery.startActor('a', { shutdownMs: -10 })).rejects.toThrow('shutdownMs is 0 to')
    },
    { strategy: 'one-for-one' },
  )
})
