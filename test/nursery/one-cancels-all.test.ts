import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ActorDied,
  type Nursery,
  type NurseryReport,
  joinMesh,
  type JoinedMesh,
  nurseryReports,
  openNursery,
  type Portal,
  RemoteActorError,
  shield,
  sleep,
} from '../../index.ts'
import { CANCEL_GRACE_MS } from '../../nursery/nursery-options.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import {
  crash,
  crashInAnswer,
  fail,
  failAt,
  failing,
  failInAnswer,
  failLater,
  getStuckBelow,
  ready,
} from './fixtures/failures.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ name: 'root', logLevel: 'error' })
})
afterEach(async () => await mesh.leave())

const modules = [failing]

/** The words of what a failure is about, whoever it came through. */
function wordsOf(error: unknown): string {
  if (error instanceof RemoteActorError || error instanceof ActorDied) return wordsOf(error.cause)
  return error instanceof RangeError ? error.message : String(error)
}

function errorsOf(error: unknown): string[] {
  return error instanceof AggregateError ? error.errors.map(wordsOf) : [wordsOf(error)]
}

describe('failures of the block, a task, a one-shot and a daemon', () => {
  const sources = ['block', 'task', 'one-shot', 'daemon'] as const
  type Source = (typeof sources)[number]

  /** One of them fails first, some others in answer to the cancel that this causes. */
  async function play(first: Source, answers: readonly Source[]): Promise<unknown> {
    return await failureOf(
      openNursery(async (nursery) => {
        const daemon = await nursery.startActor('daemon', { modules })
        const answer = (source: Source): boolean => source !== first && answers.includes(source)
        if (answer('daemon')) daemon.run(crashInAnswer, 'daemon').catch(() => {})
        await daemon.run(ready)
        if (answer('one-shot'))
          await (await nursery.runInActor('one-shot', failInAnswer, 'one-shot')).call('failures#ready')
        if (answer('task')) nursery.start(() => failInAnswer('task'))
        if (first === 'block') throw new RangeError('block')
        if (first === 'task') nursery.start(() => fail('task'))
        if (first === 'one-shot') await nursery.runInActor('one-shot', fail, 'one-shot')
        if (first === 'daemon') await daemon.run(crash, 'daemon')
        try {
          await sleep(600_000)
        } finally {
          // oxlint-disable-next-line no-unsafe-finally
          if (answer('block')) throw new RangeError('block')
        }
      }),
      20_000,
    )
  }

  test.each(sources)('of the %s alone comes bare', async (first) => {
    const error = await play(first, [])
    expect(error).not.toBeInstanceOf(AggregateError)
    expect(wordsOf(error)).toBe(first)
  })

  test.each(
    sources.flatMap((first) => sources.filter((other) => other !== first).map((other) => [first, other] as const)),
  )('of the %s, then of the %s in answer to the cancel: both arrive, the first one first', async (first, second) => {
    expect(errorsOf(await play(first, [second]))).toEqual([first, second])
  })

  test.each(sources)('of the %s, then of all the others: all four arrive', async (first) => {
    const [earliest, ...others] = errorsOf(await play(first, sources))
    expect(earliest).toBe(first)
    expect(others.toSorted()).toEqual(sources.filter((source) => source !== first).toSorted())
  })
})

describe('25 actors', () => {
  const names = Array.from({ length: 25 }, (_, i) => `actor ${i}`)

  /** Starts all of them, and lets each do something in the same moment. */
  async function together(act: (portal: Portal<never>, i: number) => Promise<unknown>): Promise<{
    errors: string[]
    took: number
    report: NurseryReport | undefined
  }> {
    let began = 0
    const error = await failureOf(
      openNursery(
        async (nursery) => {
          const portals = await Promise.all(names.map((name) => nursery.startActor(name, { modules })))
          await Promise.all(portals.map((portal) => portal.run(ready)))
          began = performance.now()
          for (const [i, portal] of portals.entries()) nursery.start(() => act(portal, i))
          await sleep(600_000)
          // 25 processes on few cores take their time
        },
        { graceMs: 10_000 },
      ),
      60_000,
    )
    return { errors: errorsOf(error).toSorted(), took: performance.now() - began, report: nurseryReports(error)[0] }
  }

  test('that fail at once: all 25 errors arrive', async () => {
    const { errors } = await together((portal, i) => portal.run(fail, names[i]!))
    expect(errors).toEqual(names.toSorted())
  })

  test('that fail at once after a delay: all 25 errors arrive', async () => {
    let moment = 0
    const { errors } = await together((portal, i) => {
      moment ||= Date.now() + 900
      return portal.run(failAt, moment, names[i]!)
    })
    expect(errors).toEqual(names.toSorted())
  })

  test('of which one fails and the others fail in answer to the cancel: all 25 errors arrive', async () => {
    const { errors } = await together((portal, i) => portal.run(failInAnswer, names[i]!, 300 + i * 1_000))
    expect(errors).toEqual(names.toSorted())
  })

  test('that would fail one after the other: the first one cancels those that have not', async () => {
    const { errors, took, report } = await together((portal, i) => portal.run(failLater, 300 + i * 3_000, names[i]!))
    expect(errors).toEqual(['actor 0'])
    expect(took).toBeLessThan(3_300)
    expect(report?.children.filter(({ kind }) => kind === 'actor').map(({ outcome }) => outcome)).toEqual(
      names.map(() => 'cancelled'),
    )
  })
})

describe('failures at odd moments', () => {
  test('a boot that fails beside a failure: both arrive when the block passes on what it got', async () => {
    const missing = { url: new URL('./fixtures/not-there.ts', import.meta.url).href, namespace: 'nothing' }
    const error = await failureOf(
      openNursery(async (nursery) => {
        const booting = nursery.startActor('broken', { modules: [missing] })
        nursery.start(async () => {
          await booting.catch(() => {})
          throw new RangeError('task')
        })
        await booting
      }),
    )
    expect(error).toBeInstanceOf(AggregateError)
    expect((error as AggregateError).errors.map(({ name }: Error) => name).toSorted()).toEqual([
      'BootFailed',
      'RangeError',
    ])
  })

  test('a failure while others are being started cancels those, and is thrown bare', async () => {
    const error = await failureOf(
      openNursery(async (nursery) => {
        nursery.start(async () => {
          await sleep(50)
          throw new RangeError('meanwhile')
        })
        await Promise.all(['a', 'b', 'c'].map((name) => nursery.startActor(name, { modules })))
      }),
    )
    expect(errorsOf(error)).toEqual(['meanwhile'])
  })

  test('a failure in the root ends a grandchild that is stuck in a synchronous block, within the ladder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'greenroom-stuck-'))
    const file = join(folder, 'stuck')
    let failedAt = 0
    try {
      const error = await failureOf(
        openNursery(async (nursery) => {
          await nursery.runInActor('child', getStuckBelow, file)
          await eventually('the grandchild is stuck', () => existsSync(file))
          failedAt = performance.now()
          throw new RangeError('block')
        }),
      )
      expect(performance.now() - failedAt).toBeLessThan(deadline(2 * CANCEL_GRACE_MS))
      expect(errorsOf(error)).toEqual(['block'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a clean-up that fails after cancel() is a failure of the nursery', async () => {
    const error = await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.runInActor('untidy', failInAnswer, 'the clean-up')
        await portal.call('failures#ready')
        nursery.cancel()
      }),
    )
    expect(errorsOf(error)).toEqual(['the clean-up'])
  })

  test('what calls a sibling that has been cancelled meanwhile, even behind a shield, hears an echo only', async () => {
    const error = await failureOf(
      openNursery(async (nursery) => {
        const daemon = await nursery.startActor('daemon', { modules })
        await daemon.run(ready)
        nursery.start(async () => {
          try {
            await sleep(600_000)
          } finally {
            await shield(2_000, async () => {
              for (;;) await daemon.run(ready)
            })
          }
        })
        throw new RangeError('block')
      }),
    )
    expect(errorsOf(error)).toEqual(['block'])
  })
})

describe('the report', () => {
  test('tells of each child what became of it, while the nursery runs and after it has failed', async () => {
    let open: Nursery | undefined
    const before = Date.now()
    const error = await failureOf(
      openNursery(async (nursery) => {
        open = nursery
        const portal = await nursery.startActor('daemon', { modules })
        expect(nursery.report.children).toMatchObject([
          { name: 'daemon', kind: 'actor', id: portal.id, outcome: 'running' },
        ])
        await (await nursery.runInActor('one-shot', ready)).result()
        await eventually('the one-shot is gone', () => nursery.report.children[1]?.endedAt !== undefined)
        nursery.start(async function patience() {
          await sleep(600_000)
        })
        await nursery.runInActor('failing', fail, 'oops')
        await sleep(600_000)
      }),
    )
    const report = open!.report
    expect(nurseryReports(error)).toEqual([report])
    expect(report).toMatchObject({ actor: 'root', forgotten: 0 })
    expect(report.endedAt).toBeGreaterThanOrEqual(report.startedAt)
    expect(report.children.map(({ name, kind, outcome }) => [name, kind, outcome])).toEqual([
      ['daemon', 'actor', 'cancelled'],
      ['one-shot', 'one-shot', 'done'],
      ['patience', 'task', 'cancelled'],
      ['failing', 'one-shot', 'failed'],
    ])
    const [daemon, , task, failed] = report.children
    expect(daemon?.steps.map(({ step }) => step)).toEqual(['cancel'])
    expect(daemon?.steps[0]?.why).toContain('its nursery failed')
    expect(daemon?.steps[0]?.at).toBeGreaterThanOrEqual(before)
    expect(daemon?.pid).toBeGreaterThan(1)
    expect(task?.pid).toBeUndefined()
    expect(failed?.error).toContain('RangeError: oops')
    for (const child of report.children) expect(child.endedAt).toBeGreaterThanOrEqual(child.startedAt)
  })

  test('an error through nested nurseries has the report of each, the innermost first', async () => {
    const error = await failureOf(
      openNursery(async () => {
        await openNursery((inner) => void inner.start(() => fail('deep')))
      }),
    )
    expect(nurseryReports(error).map(({ children }) => children.map(({ name }) => name))).toEqual([['task'], []])
    expect(nurseryReports('no object')).toEqual([])
  })
})
