import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import {
  ActorDied,
  type ActorOptions,
  findActor,
  findActors,
  InvalidArgument,
  joinMesh,
  type JoinedMesh,
  type MeshOptions,
  openNursery,
  sleep,
  waitForActor,
} from '../../index.ts'
import { currentRuntime } from '../../nursery/actor-runtime.ts'
import { MAX_OUTPUT_LINE } from '../../nursery/actor-output.ts'
import { MIN_MEMORY_MB } from '../../nursery/limits.ts'
import { MAX_WARM_ACTORS } from '../../nursery/warm-pool.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { watchProcesses } from '../support/process-watcher.ts'
import { startProgram } from '../support/program.ts'
import {
  hoard,
  hoardBuffers,
  methods,
  priority,
  spin,
  startBelow,
  startProcessBelow,
  where,
  whereBelow,
  type Whereabouts,
} from './fixtures/start-methods.ts'

expectNothingLeft()

const modules = [methods]

/** A mesh whose warm processes wait for their names. */
async function warmMesh(options: MeshOptions = {}): Promise<JoinedMesh> {
  const mesh = await joinMesh({ startMethod: 'warm', ...options })
  await warm(options.warmActors ?? 2)
  return mesh
}

async function warm(count: number): Promise<void> {
  const { carriers } = currentRuntime()
  await eventually(`${count} processes wait for their names`, () => carriers.waiting === count, 20_000)
}

describe('a warm actor', () => {
  test('runs in a process that was there before it had a name', async () => {
    const watcher = watchProcesses()
    await using _mesh = await warmMesh()
    const before = watcher.list().map(({ pid }) => pid)
    expect(before).toHaveLength(2)
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('early', { modules })
      const { name, pid } = await portal.run(where)
      expect(name).toBe('early')
      expect(before).toContain(pid)
      nursery.cancel()
    })
  })

  test('has a process of its own, which is not used again, and the pool is refilled to its bound', async () => {
    await using _mesh = await warmMesh({ warmActors: 1 })
    const pids = new Set<number>()
    for (let i = 0; i < 3; i++) {
      await openNursery(async (nursery) => {
        const portal = await nursery.startActor('once', { modules })
        pids.add((await portal.run(where)).pid)
        nursery.cancel()
      })
      await warm(1)
    }
    expect(pids.size).toBe(3)
  })

  test('is unseen until it has its name', async () => {
    await using _mesh = await warmMesh()
    expect([...currentRuntime().discovery.state.registry.actors()].map(({ name }) => name)).toEqual(['root'])
  })

  test('is booted as any other when none waits', async () => {
    await using _mesh = await warmMesh({ warmActors: 1 })
    await openNursery(async (nursery) => {
      const portals = await Promise.all(['a', 'b', 'c'].map((name) => nursery.startActor(name, { modules })))
      const all = await Promise.all(portals.map((portal) => portal.run(where)))
      expect(all.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
      expect(new Set(all.map(({ pid }) => pid)).size).toBe(3)
      nursery.cancel()
    })
  })

  test('is not given a process that was killed while it waited', async () => {
    const watcher = watchProcesses()
    await using _mesh = await warmMesh({ warmActors: 1 })
    process.kill(watcher.list()[0]!.pid, 'SIGKILL')
    await warm(0)
    await openNursery(async (nursery) => {
      expect((await (await nursery.startActor('next', { modules })).run(where)).name).toBe('next')
      nursery.cancel()
    })
  })

  test('starts its own actors by the same method', async () => {
    await using _mesh = await warmMesh()
    await openNursery(async (nursery) => {
      const [above, below] = await (await nursery.startActor('above', { modules })).run(whereBelow)
      expect(below!.pid).not.toBe(above!.pid)
      nursery.cancel()
    })
  })
})

describe('an actor that is a thread', () => {
  test('shares the process, and is a member of the mesh of its own', async () => {
    await using mesh = await joinMesh({ startMethod: 'thread' })
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('thread', { modules })
      const here = await portal.run(where)
      expect(here).toMatchObject({ name: 'thread', pid: process.pid })
      expect(here.threadId).toBeGreaterThan(0)
      expect(here.id).not.toBe(mesh.actor.id)
      expect(findActors('thread').map(({ id }) => id)).toEqual([here.id])
      nursery.cancel()
    })
  })

  test('starts its own actors as threads too', async () => {
    await using _mesh = await joinMesh({ startMethod: 'thread' })
    await openNursery(async (nursery) => {
      const [above, below] = await (await nursery.startActor('above', { modules })).run(whereBelow)
      expect([above!.pid, below!.pid]).toEqual([process.pid, process.pid])
      expect(below!.threadId).not.toBe(above!.threadId)
      nursery.cancel()
    })
  })

  test('starts no process, which nobody could reap when the thread is ended by force', async () => {
    await using _mesh = await joinMesh({ startMethod: 'thread' })
    const error = await failureOf(
      openNursery(async (nursery) => await (await nursery.startActor('above', { modules })).run(startProcessBelow)),
    )
    expect((error as Error).cause).toBeInstanceOf(InvalidArgument)
    expect((error as Error).message).toContain("'below' would be a process below a thread")
  })

  test('is ended by force when it is deaf, and so are the threads that it started', async () => {
    await using _mesh = await joinMesh({ startMethod: 'thread' })
    let below: Whereabouts | undefined
    await openNursery(
      async (nursery) => {
        const portal = await nursery.startActor('deaf', { modules })
        void portal.run(startBelow).catch(() => {})
        await using child = await waitForActor('below')
        below = await child.run(where)
        void portal.run(spin).catch(() => {})
        await sleep(50)
        nursery.cancel()
      },
      { graceMs: 300 },
    )
    await eventually('it is gone', async () => (await findActor('below')) === undefined)
    expect(below!.pid).toBe(process.pid)
  })
})

describe('limits', () => {
  test.each([
    ['process', hoard, 200],
    ['process', hoardBuffers, 200],
    ['thread', hoard, MIN_MEMORY_MB],
  ] as const)(
    'a %s that runs %o over its memory dies with an error that says so',
    async (startMethod, fn, memoryMb) => {
      await using _mesh = await joinMesh()
      const error = await failureOf(
        openNursery(async (nursery) => {
          const portal = await nursery.startActor('hoarder', { modules, startMethod, limits: { memoryMb } })
          await portal.run(fn)
        }),
      )
      expect(error).toBeInstanceOf(ActorDied)
      expect((error as Error).message).toMatch(new RegExp(`hoarder .* it went over its ${memoryMb} MiB of memory`))
    },
  )

  test('a process that is over its processor time dies with an error that says so, also when it is busy', async () => {
    await using _mesh = await joinMesh()
    const error = await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.startActor('busy', { modules, limits: { cpuSeconds: 1 } })
        await portal.run(spin)
      }),
    )
    expect(error).toBeInstanceOf(ActorDied)
    expect((error as Error).message).toMatch(/busy .* it went over its 1 s of processor time/)
  })

  test('nice is the priority of the whole process', async () => {
    await using _mesh = await joinMesh()
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('polite', { modules, limits: { nice: 7 } })
      expect(await portal.run(priority)).toBe(7)
      nursery.cancel()
    })
  })
})

describe('what an actor writes', () => {
  test.each(['process', 'thread'])('goes with its name before each line when a %s has stdio prefix', async (method) => {
    await using program = await startProgram(new URL('./fixtures/start-methods.ts', import.meta.url), {
      args: [method, 'prefix'],
    })
    expect((await program.waitForExit(20_000)).code).toBe(0)
    expect(program.stdout).toEqual(['[speaker] one', '[speaker] two', '[speaker] half a line'])
    expect(program.stderr).toContain('[speaker] to stderr')
  })

  test.each(['process', 'thread'])('goes to the log when a %s has stdio log', async (method) => {
    await using program = await startProgram(new URL('./fixtures/start-methods.ts', import.meta.url), {
      args: [method, 'log'],
    })
    expect((await program.waitForExit(20_000)).code).toBe(0)
    expect(program.stdout).toEqual([])
    const logged = program.stderr.filter((line) => line.includes('output: speaker:'))
    expect(logged.map((line) => line.replace(/^\S+ (\w+) .*speaker: /, '$1 '))).toEqual(
      expect.arrayContaining(['INFO one', 'INFO two', 'INFO half a line', 'WARN to stderr']),
    )
  })

  test('is cut into several lines when a line has no end', async () => {
    await using program = await startProgram(new URL('./fixtures/start-methods.ts', import.meta.url), {
      args: ['process', 'prefix', String(MAX_OUTPUT_LINE + 10)],
    })
    expect((await program.waitForExit(20_000)).code).toBe(0)
    expect(program.stdout.map((line) => line.length - '[speaker] '.length)).toEqual([MAX_OUTPUT_LINE, 10])
  })

  test('a process shows the name of its actor to ps', async () => {
    await using _mesh = await joinMesh()
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('in the limelight', { modules })
      const { pid } = await portal.run(where)
      const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
      expect(stdout.trim()).toBe('greenroom: in the limelight')
      nursery.cancel()
    })
  })
})

describe('misuse is refused by name', () => {
  const refused: [string, ActorOptions, RegExp][] = [
    ['an unknown method', { startMethod: 'fiber' as never }, /startMethod 'fiber'.*process, warm, thread/],
    ['an unknown stdio', { stdio: 'pipe' as never }, /stdio 'pipe'.*inherit, prefix, log/],
    ['stdio of a warm process', { startMethod: 'warm', stdio: 'log' }, /a warm one has started/],
    ['limits of a warm process', { startMethod: 'warm', limits: { nice: 1 } }, /a warm one has started/],
    ['processor time of a thread', { startMethod: 'thread', limits: { cpuSeconds: 1 } }, /thread has no cpuSeconds/],
    ['too little memory', { limits: { memoryMb: MIN_MEMORY_MB - 1 } }, /memoryMb is at least 64/],
    ['no memory', { limits: { memoryMb: Number.NaN } }, /memoryMb is at least 64/],
    ['no time', { limits: { cpuSeconds: 0 } }, /cpuSeconds is above 0/],
    ['a priority that there is not', { limits: { nice: 20 } }, /nice is -20 to 19/],
  ]
  test.each(refused)('%s', async (_, options, words) => {
    await using _mesh = await joinMesh()
    const error = await failureOf(openNursery(async (nursery) => await nursery.startActor('a', options)))
    expect(error).toBeInstanceOf(InvalidArgument)
    expect((error as Error).message).toMatch(words)
  })

  test.each([0, 1.5, MAX_WARM_ACTORS + 1])('a pool of %s', async (warmActors) => {
    await expect(joinMesh({ warmActors })).rejects.toThrow(/warmActors is 1 to 64/)
  })
})
