import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  joinMesh,
  type JoinedMesh,
  type Nursery,
  type NurseryReport,
  openNursery,
  type Restart,
  sleep,
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

describe('supervisors nest', () => {
  test('a failed one is its parent’s failed child, and starts anew with its first children', async () => {
    let inner = 0
    let leaf = 0
    await openNursery(
      async (outer) => {
        outer.start(
          async () => {
            inner += 1
            await openNursery(
              async (nursery) => {
                nursery.start(
                  async () => {
                    leaf += 1
                    if (inner === 1) throw new Error('in the first life')
                    await sleep(600_000)
                  },
                  { restart: 'permanent' },
                )
                await sleep(600_000)
              },
              { ...swift, strategy: 'one-for-one', maxRestarts: 2 },
            )
          },
          { restart: 'permanent' },
        )
        await eventually('the second life has come', () => inner === 2 && leaf === 4)
        const [{ restarts } = { restarts: [] }] = outer.report.children
        expect(restarts[0]?.why).toContain('TooManyRestarts')
        outer.cancel()
      },
      { ...swift, strategy: 'one-for-all' },
    )
  })

  test('without a parent that restarts, a failed one is a failure', async () => {
    const error = await failureOf(
      openNursery((outer) => {
        outer.start(() =>
          openNursery(
            (inner) => {
              inner.start(() => Promise.reject(new Error('no')), { restart: 'transient' })
            },
            { ...swift, strategy: 'one-for-one', maxRestarts: 1 },
          ),
        )
      }),
    )
    expect(error).toBeInstanceOf(TooManyRestarts)
  })
})

describe('what is not supervised', () => {
  test('a failure of the block or of a plain task cancels all, whatever the strategy', async () => {
    for (const [fail, words] of [
      [() => Promise.reject(new Error('block')), 'block'],
      [(nursery: Nursery) => void nursery.start(() => Promise.reject(new Error('task'))), 'task'],
    ] as const) {
      const log: string[] = []
      const error = await failureOf(
        openNursery(
          async (nursery) => {
            nursery.start(new Puppet('a', log).task, { restart: 'permanent' })
            await fail(nursery)
            await sleep(600_000)
          },
          { ...swift, strategy: 'one-for-one' },
        ),
      )
      expect((error as Error).message).toBe(words)
      expect(log).toEqual(['+a', '-a'])
    }
  })
})

describe('the end of a supervisor', () => {
  const restarts = ['permanent', 'transient', 'temporary'] as const

  test('is not disturbed by children that end by themselves meanwhile, each in its own way', async () => {
    const log: string[] = []
    let report: NurseryReport | undefined
    const error = await failureOf(
      openNursery(
        async (nursery) => {
          const puppets: Puppet[] = []
          for (const restart of restarts)
            for (const how of ['return', 'fail'] as const) {
              const puppet = new Puppet(`${restart} ${how}`, log)
              puppets.push(puppet)
              nursery.start(puppet.task, { restart })
            }
          // started last, so asked first: the others have ended by then
          nursery.start(
            async () => {
              await sleep(600_000).catch(() => {})
              for (const puppet of puppets) puppet.end(puppet.name.endsWith('fail') ? 'fail' : 'return')
              await eventually('all others have ended', () => log.length === 2 * puppets.length)
            },
            { restart: 'permanent' },
          )
          await sleep(10)
          nursery.cancel()
          report = nursery.report
          await eventually('all have ended', () => {
            report = nursery.report
            return report.children.every(({ endedAt }) => endedAt !== undefined)
          })
        },
        { ...swift, strategy: 'one-for-all' },
      ),
    )
    expect(log.filter((line) => line.startsWith('+'))).toHaveLength(2 * restarts.length)
    expect(report?.children.map(({ restartCount }) => restartCount)).toEqual([0, 0, 0, 0, 0, 0, 0])
    expect(report?.children.map(({ outcome }) => outcome).slice(0, -1)).toEqual(
      restarts.flatMap(() => ['done', 'failed']),
    )
    expect((error as AggregateError).errors.map(({ message }: Error) => message)).toEqual([
      'permanent fail failed',
      'transient fail failed',
    ])
  })

  test.each<[Restart, boolean]>([
    ['permanent', true],
    ['transient', true],
    ['temporary', false],
  ])('what a %s child raises in answer is a failure of the nursery: %s', async (restart, counts) => {
    const error = await openNursery(
      async (nursery) => {
        nursery.start(
          async () => {
            await sleep(600_000).catch(() => {})
            throw new RangeError('while cleaning up')
          },
          { restart },
        )
        await sleep(10)
        nursery.cancel()
      },
      { strategy: 'one-for-one' },
    ).catch((raised: unknown) => raised)
    expect(error instanceof RangeError).toBe(counts)
  })

  test('can be that of one child: who waits for it cancels the others, the one that was started last first', async () => {
    const log = await stage(
      { strategy: 'one-for-one' },
      { a: 'permanent', significant: 'transient', b: 'permanent' },
      async ({ puppets, results, nursery }) => {
        const watching = nursery.start(async () => {
          await results['significant']!.result()
          nursery.cancel()
        })
        puppets['significant']!.end('fail')
        await eventually('a failure restarts it', () => puppets['significant']!.runs === 2)
        puppets['significant']!.end('return')
        await watching.result()
      },
    )
    expect(log.slice(-3)).toEqual(['-significant', '-b', '-a'])
  })
})
