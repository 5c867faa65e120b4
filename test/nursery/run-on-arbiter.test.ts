import { describe, expect, test } from 'vitest'
import {
  currentActor,
  failAfter,
  FencedOut,
  getArbiter,
  InvalidArgument,
  joinMesh,
  moveOnAfter,
  openNursery,
  type RemoteActorError,
  run,
  runOnArbiter,
  sleep,
  waitForActor,
} from '../../index.ts'
import { profiles } from '../../discovery/profile.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { processId, rule, singleton, token } from './fixtures/singleton.ts'

useRuntimeDir()
expectNothingLeft()

const { lease } = profiles.loopback
const program = new URL('./fixtures/singleton-program.ts', import.meta.url)

/** Starts programs one after the other, the oldest first, and ends them in any case. */
async function withPrograms(
  names: readonly string[],
  kind: string,
  body: (...programs: Program[]) => Promise<void>,
): Promise<void> {
  const programs: Program[] = []
  try {
    for (const name of names) {
      const root = await startProgram(program, { args: ['singletons', name, kind] })
      programs.push(root)
      await root.waitForLine(/^joined/)
    }
    await body(...programs)
  } finally {
    for (const root of programs) for (const signal of ['SIGCONT', 'SIGTERM'] as const) root.kill(signal)
    for (const root of programs) await root.waitForExit()
  }
}

/** When a program began to run its singleton, in milliseconds since the epoch, and with which token. */
async function beginning(root: Program): Promise<{ at: number; term: number; order: string }> {
  const [, at = '', term = '', order = ''] = (await root.waitForLine(/^begins/)).split(' ')
  return { at: Number(at), term: Number(term), order }
}

describe('what runs on the arbiter', () => {
  test('runs at once in a mesh of one, and gives its value', async () => {
    await run(async () => {
      const { portal, term } = await getArbiter()
      expect(portal.id).toBe(currentActor().id)
      const value = await runOnArbiter((office) => {
        office.check()
        expect(office).toMatchObject({ term, token: { term, serial: 0 }, signal: { aborted: false } })
        return office
      })
      expect(value.signal.reason).toBeInstanceOf(FencedOut)
      expect(() => value.check()).toThrow("the arbiter's office was left")
    })
  })

  test('fails in the block that called, and ends with its scope', async () => {
    await run(async () => {
      await expect(runOnArbiter(() => Promise.reject(new RangeError('of its own')))).rejects.toBeInstanceOf(RangeError)
      let ended = false
      const { cancelled } = await moveOnAfter(50, () =>
        runOnArbiter(async () => {
          try {
            await sleep(60_000)
          } finally {
            ended = true
          }
        }),
      )
      expect({ cancelled, ended }).toEqual({ cancelled: true, ended: true })
    })
  })

  test('serves a module in an actor, which is started again when it dies, until the scope is cancelled', async () => {
    await run(
      () =>
        openNursery(async (nursery) => {
          nursery.start(() => runOnArbiter(singleton, { name: 'the one' }))
          const portal = await failAfter(deadline(5_000), () => waitForActor('the one'))
          expect(await portal.run(token)).toMatchObject({ term: 1, serial: 0 })
          process.kill(await portal.run(processId), 'SIGKILL')
          await eventually('another one is there', async () => (await waitForActor('the one')).id !== portal.id)
          nursery.cancel()
        }),
      { logLevel: 'error' },
    )
  })

  test('is a matter of roots, and of functions or modules', async () => {
    await run(async () => {
      await expect(runOnArbiter(7 as never)).rejects.toBeInstanceOf(InvalidArgument)
      await expect(runOnArbiter(singleton, { name: '' })).rejects.toThrow("an actor's name is")
      await openNursery(async (nursery) => {
        const child = await nursery.startActor('child', { modules: [singleton] })
        const refused = await child.run(rule).catch(({ cause }: RemoteActorError) => cause)
        expect(refused).toBeInstanceOf(InvalidArgument)
        expect((refused as Error).message).toContain("'child' has a parent, and only roots become arbiter")
        nursery.cancel()
      })
    })
  })

  test('goes on elsewhere, with a higher token, when the arbiter is killed', () =>
    withPrograms(['first', 'second', 'third'], 'function', async (first, second, third) => {
      const before = await beginning(first)
      first.kill('SIGKILL')
      const killed = Date.now()
      const after = await Promise.any([beginning(second), beginning(third)])
      expect(after.at - killed).toBeLessThan(deadline(1_200 + 2 * lease))
      expect(after.order > before.order).toBe(true)
      expect([second, third].filter(({ stdout }) => stdout.some((line) => line.startsWith('begins')))).toHaveLength(1)
    }))

  test('ends before the lease of a stopped arbiter is used by the next one', () =>
    withPrograms(['first', 'second', 'third'], 'function', async (first, second, third) => {
      const before = await beginning(first)
      first.kill('SIGSTOP')
      const after = await Promise.any([beginning(second), beginning(third)])
      expect(after.order > before.order).toBe(true)
      first.kill('SIGCONT')
      // its scope is cancelled as soon as the process goes on
      await first.waitForLine(/^ends/, 1_000)
    }))

  test('is served by one actor at a time when the office is handed over', () =>
    withPrograms(['first', 'second'], 'module', async (first) => {
      await using _mesh = await joinMesh({ mesh: 'singletons', name: 'watcher' })
      const portal = await failAfter(deadline(5_000), () => waitForActor('singleton'))
      const before = await portal.run(token)
      first.kill('SIGTERM')
      await first.waitForExit()
      const after = await eventually(
        'another one is there',
        async () => {
          const next = await waitForActor('singleton')
          return next.id === portal.id ? undefined : await next.run(token)
        },
        10_000,
      )
      expect(after?.order ?? '').toSatisfy((order: string) => order > before.order)
    }))
})
