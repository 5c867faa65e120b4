import { fileURLToPath } from 'node:url'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ActorDied,
  BootFailed,
  failAfter,
  findActor,
  type HostingOptions,
  joinMesh,
  type JoinedMesh,
  members,
  type MeshEvent,
  moveOnAfter,
  type Nursery,
  observeMesh,
  openNursery,
  type Portal,
  RemoteActorError,
  sleep,
} from '../../index.ts'
import { redirectLogs } from '../../node/log.ts'
import { currentRuntime } from '../../nursery/actor-runtime.ts'
import { profiles } from '../../discovery/profile.ts'
import { lostEndMs, placementTimes } from '../../nursery/placement/placement-times.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { isAlive, watchProcesses } from '../support/process-watcher.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { within } from '../support/within.ts'
import { busyLoop, crash, exit, nest, Overbooked, overbook, placed, whereAmI, write } from './fixtures/placed.ts'

useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/host-program.ts', import.meta.url)
const modules = [placed]
const { lostAfterMs } = placementTimes(profiles.loopback)

interface HostOptions<N> {
  readonly name: N
  readonly tags?: readonly string[]
  readonly allowSpawn?: boolean | HostingOptions
}
type HostPeer = Program & { readonly id: string }

let mesh: JoinedMesh
const running: Program[] = []
beforeEach(async () => {
  mesh = await joinMesh({ mesh: 'placement', name: 'owner', logLevel: 'error' })
})
afterEach(async () => {
  await mesh.leave()
  for (const root of running) root.kill('SIGTERM')
  for (const root of running.splice(0)) await root.waitForExit()
})

/** Starts roots, and waits until those that allow spawns are known here. */
async function startHosts<N extends string>(...hosts: (N | HostOptions<N>)[]): Promise<Record<N, HostPeer>> {
  const started: [string, HostPeer][] = []
  for (const host of hosts) {
    const options = typeof host === 'string' ? { name: host } : host
    const root = await startProgram(program, { args: [JSON.stringify({ allowSpawn: true, ...options })] })
    running.push(root)
    const [, id = ''] = /^up (\S+)/.exec(await root.waitForLine(/^up/)) ?? []
    started.push([options.name, Object.assign(root, { id })])
  }
  const hosting = hosts.filter((host) => typeof host === 'string' || host.allowSpawn !== false)
  await eventually('the hosts are known', () => members('greenroom:hosts').length === hosting.length)
  return Object.fromEntries(started) as Record<N, HostPeer>
}

async function eventuallyGone(pid: number, ms = 3_000): Promise<void> {
  await eventually(`process ${pid} is gone`, () => !isAlive(pid), ms)
}

const swift = { strategy: 'one-for-one', backoff: { firstMs: 1 } } as const

describe('an actor on another host', () => {
  test('runs below the host peer, belongs to its nursery, and is gone there when that ends', async () => {
    const { alpha } = await startHosts('alpha')
    let pids: number[] = []
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', {
        modules,
        on: 'alpha',
        statespace: { seats: 3, when: new Map([[1, new Date(0)]]) },
        tags: ['bowler'],
        version: '7',
      })
      const here = await portal.run(whereAmI)
      expect(here).toMatchObject({ name: 'walter', id: portal.id, parent: alpha.pid })
      expect(here.statespace).toEqual({ seats: 3, when: new Map([[1, new Date(0)]]) })
      pids = [here.pid, await portal.run(nest, 'donny')]
      expect(pids.every(isAlive)).toBe(true)
      await eventually('it is found', async () => (await findActor('walter'))?.id === portal.id)
      await eventually('so is what it has started', async () => (await findActor('donny')) !== undefined)
      const [child] = nursery.report.children
      expect(child).toMatchObject({ pid: here.pid, host: { name: 'alpha', id: alpha.id }, startMethod: 'process' })
      nursery.cancel()
    })
    expect(isAlive(pids[0]!)).toBe(false)
    for (const pid of pids) await eventuallyGone(pid)
    await eventually('its name is gone', async () => (await findActor('walter')) === undefined)
  })

  test('is in the tree of its owner, is followed, and is ended by hand, like one that runs here', async () => {
    await startHosts('alpha')
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules, on: 'alpha' })
      await using observer = await observeMesh()
      const events: MeshEvent[] = []
      const reading = (async () => {
        for await (const event of observer.events({ recent: 100, actors: ['walter'] })) {
          events.push(event)
          if (events.filter(({ type }) => type === 'spawned').length === 2) return
        }
      })()
      await portal.invoke('placed#whereAmI')
      const { trees } = await observer.trees()
      const walter = trees.find(({ name }) => name === 'owner')?.nurseries[0]?.children[0]
      expect(walter).toMatchObject({ name: 'walter', host: { name: 'alpha' }, actor: { id: portal.id } })
      await eventually('the call by hand was told', () => events.some(({ type }) => type === 'act'))
      const [member] = await observer.members({ where: ({ id }) => id === portal.id })
      await observer.kill(member!, { reason: 'to see it come back' })
      await within('its restart', reading)
      expect(events.find(({ type }) => type === 'restarting')).toMatchObject({
        why: expect.stringContaining('to see it come back') as string,
        actor: { name: 'owner' },
      })
      nursery.cancel()
    }, swift)
  })

  test('gives values and errors of registered classes with their stacks to its owner, as a main task too', async () => {
    await startHosts('alpha')
    await openNursery(async (nursery) => {
      const one = await nursery.runInActor({ name: 'once', on: 'alpha' }, whereAmI)
      expect((await one.result()).name).toBe('once')
      const portal = await nursery.startActor('walter', { modules, on: { where: {}, name: 'alpha' } })
      const error = (await failureOf(portal.run(overbook, 12))) as RemoteActorError
      expect(error).toBeInstanceOf(RemoteActorError)
      expect(error.origin.name).toBe('walter')
      expect(error.cause).toBeInstanceOf(Overbooked)
      expect(error.cause).toMatchObject({ seats: 12, message: 'too many tickets' })
      expect(error.remoteStack).toContain('placed.ts')
      nursery.cancel()
    })
  })

  test('sends what it writes home, to the end', async () => {
    await startHosts('alpha')
    const lines: string[] = []
    const restore = redirectLogs((line) => lines.push(line))
    await mesh.leave()
    mesh = await joinMesh({ mesh: 'placement', name: 'owner', logLevel: 'info' })
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules, on: 'alpha', stdio: 'log' })
      await portal.run(write, 'mark it zero')
      await eventually('it is here', () => lines.some((line) => line.endsWith('output: walter: mark it zero')))
      await eventually('so is the other', () => lines.some((line) => line.endsWith('walter: mark it zero, loudly')))
      for (let i = 0; i < 200; i++) await portal.run(write, `frame ${i}`)
      nursery.cancel()
    })
    restore()
    expect(lines.filter((line) => /walter: frame \d+$/.test(line))).toHaveLength(200)
  })

  test('takes a clean exit, an error that nobody catches and an exit code home as its death', async () => {
    await startHosts('alpha')
    const ends: [(portal: Portal<never>) => Promise<unknown>, RegExp, unknown][] = [
      [async (portal) => await portal.run(exit, 7), /exited with code 7 \(on alpha\)/, undefined],
      [
        async (portal) => await portal.run(crash),
        /Overbooked: nobody catches this \(nobody caught it\)/,
        expect.any(Overbooked),
      ],
      [
        async (portal) => process.kill((await portal.run(whereAmI)).pid, 'SIGKILL'),
        /killed by SIGKILL \(on alpha\)/,
        undefined,
      ],
    ]
    for (const [end, how, cause] of ends) {
      const error = await failureOf(
        openNursery(async (nursery) => {
          const portal = await nursery.startActor('walter', { modules, on: 'alpha' })
          await end(portal)
          await sleep(600_000)
        }),
      )
      expect(error).toBeInstanceOf(ActorDied)
      expect((error as Error).message).toMatch(how)
      expect((error as Error).cause).toEqual(cause)
    }
  })

  test('that is deaf is ended by force on its host, step by step, and others do not wait', async () => {
    await startHosts('alpha')
    let nursery: Nursery | undefined
    let pid = 0
    await openNursery(
      async (opened) => {
        nursery = opened
        const portal = await nursery.startActor('deaf', { modules, on: 'alpha' })
        ;({ pid } = await portal.run(whereAmI))
        void portal.run(busyLoop).catch(() => {})
        await sleep(100)
        nursery.cancel()
      },
      { graceMs: 200 },
    )
    expect(isAlive(pid)).toBe(false)
    expect(nursery!.report.children[0]?.steps.map(({ step }) => step).slice(0, 2)).toEqual(['cancel', 'SIGTERM'])
  })

  test('is shown in the tree of its owner, with what is below it', async () => {
    const { alpha } = await startHosts('alpha')
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules, on: 'alpha' })
      await portal.run(nest, 'donny')
      const { describeTree } = await import('../../index.ts')
      const tree = await describeTree()
      const [child] = tree.nurseries[0]?.children ?? []
      expect(child).toMatchObject({ name: 'walter', host: { name: 'alpha', id: alpha.id } })
      expect(child?.actor?.nurseries[0]?.children[0]?.name).toBe('donny')
      nursery.cancel()
    })
  })
})

describe('a host', () => {
  test('starts nothing for others unless it allows that, and an error says who was asked for and who is there', async () => {
    await startHosts({ name: 'closed', allowSpawn: false }, { name: 'open', tags: ['disk'] })
    await openNursery(async (nursery) => {
      const refused = async (on: Parameters<typeof nursery.startActor>[1]): Promise<string> => {
        const error = await failureOf(nursery.startActor('walter', { modules, ...on }))
        expect(error).toBeInstanceOf(BootFailed)
        return (error as Error).message
      }
      expect(await refused({ on: 'closed' })).toMatch(/no host named 'closed' among .*: open \(\w+\) \[disk\]/)
      expect(await refused({ on: { where: { tags: ['gpu'] } } })).toMatch(/no host where .*gpu.* open/)
      // oxlint-disable-next-line typescript/no-explicit-any
      await expect(nursery.startActor('walter', { on: 7 as any })).rejects.toThrow('on is the name of a host peer')
      await expect(nursery.startActor('walter', { on: 'open', startMethod: 'thread' })).rejects.toThrow(
        'a process there',
      )
      await expect(nursery.startActor('walter', { modules: ['./a.js'] })).rejects.toThrow("say 'on' as well")
      nursery.cancel()
    })
  })

  test('finds modules by package and path or below its directory, and says where it looked for one that is not there', async () => {
    const directory = dirname(fileURLToPath(new URL('./fixtures/placed.ts', import.meta.url)))
    await startHosts({ name: 'alpha', allowSpawn: { directory } })
    await openNursery(async (nursery) => {
      const names = ['./placed.ts', 'greenroom/test/nursery/fixtures/placed.ts']
      for (const name of names) {
        const portal = await nursery.startActor('walter', { modules: [name], on: 'alpha' })
        expect(await portal.call('placed#whereAmI')).toMatchObject({ name: 'walter' })
      }
      const error = await failureOf(nursery.startActor('walter', { modules: ['nobody/there.js'], on: 'alpha' }))
      expect((error as Error).message).toMatch(
        /alpha.*module 'nobody\/there.js' is not there: looked for .*fixtures\/node_modules\/nobody\/there\.js/,
      )
      for (const name of ['../escape.js', '/etc/passwd', 'file:///etc/passwd', 'a/../../b.js'])
        await expect(nursery.startActor('walter', { modules: [name], on: 'alpha' })).rejects.toThrow(
          'by package and path',
        )
      nursery.cancel()
    })
  })

  test('runs so many actors for others and for one of them, and the next host takes what is too much', async () => {
    const limits = { name: 'small', allowSpawn: { maxActors: 3, maxActorsPerPeer: 1 } } as const
    const { small } = await startHosts(limits)
    await openNursery(async (nursery) => {
      await nursery.startActor('first', { modules, on: 'small' })
      await expect(nursery.startActor('second', { modules, on: small })).rejects.toThrow(
        'runs 1 actors for you already',
      )
      nursery.cancel()
    })
    const { large } = await startHosts('large')
    await eventually('both are known', () => members('greenroom:hosts').length === 2)
    await openNursery(async (nursery) => {
      const parents = new Set<number>()
      for (const name of ['one', 'two', 'three']) {
        const portal = await nursery.startActor(name, { modules, on: ['small', { id: large.id }] })
        parents.add((await portal.run(whereAmI)).parent)
      }
      expect(parents).toEqual(new Set([small.pid, large.pid]))
      nursery.cancel()
    })
  })

  test('ends what it runs when it leaves, which is a death that its owner is told of, and a supervisor places it elsewhere', async () => {
    const { alpha, beta } = await startHosts('alpha', 'beta')
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('phoenix', { modules, on: ['alpha', 'beta'] })
      const before = await portal.run(whereAmI)
      const [first, second] = before.parent === alpha.pid ? [alpha, beta] : [beta, alpha]
      first.kill('SIGTERM')
      await first.waitForExit()
      expect(isAlive(before.pid)).toBe(false)
      await eventually('it is restarted', () => nursery.report.children[0]?.restartCount === 1)
      expect((await within('a call', portal.run(whereAmI), 10_000)).parent).toBe(second.pid)
      expect(nursery.report.children[0]?.restarts[0]?.why).toContain('ends it: its host leaves')
      nursery.cancel()
    }, swift)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'that ends by %s while actors start there fails no start: the next one has them',
    async (signal) => {
      const { alpha, beta } = await startHosts('alpha', 'beta')
      const processes = watchProcesses()
      await openNursery(async (nursery) => {
        const starts = ['one', 'two', 'three', 'four'].map(
          async (name) => await nursery.startActor(name, { modules, on: { where: {} } }),
        )
        await eventually('some start there', () => processes.list().some(({ ppid }) => ppid === alpha.pid))
        alpha.kill(signal)
        // one that was up already is restarted
        for (const portal of await within('all are up', Promise.all(starts), 20_000))
          await eventually('it is on the other one', async () => {
            const { parent } = await portal.run(whereAmI).catch(() => ({ parent: 0 }))
            return parent === beta.pid
          })
        nursery.cancel()
      }, swift)
    },
  )

  test('that dies takes its actors with it; its owner is told at once, and a supervisor places them elsewhere', async () => {
    const { alpha, beta } = await startHosts('alpha', 'beta')
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('phoenix', { modules, on: { where: {} } })
      const before = await portal.run(whereAmI)
      const [first, second] = before.parent === alpha.pid ? [alpha, beta] : [beta, alpha]
      const killedAt = performance.now()
      first.kill('SIGKILL')
      await eventuallyGone(before.pid)
      await eventually('it is restarted', () => nursery.report.children[0]?.restartCount === 1)
      expect(performance.now() - killedAt).toBeLessThan(deadline(3_000))
      expect((await within('a call', portal.run(whereAmI), 10_000)).parent).toBe(second.pid)
      expect(nursery.report.children[0]?.restarts[0]?.why).toMatch(/its host \w+ has ended/)
      nursery.cancel()
    }, swift)
  })
})

describe('a host that dies under several actors of one nursery', () => {
  test.each([
    ['one-for-all', ['home', 'first', 'second']],
    ['rest-for-one', ['first', 'second']],
  ] as const)('%s restarts %j on the host that is left, or where they were', async (strategy, restarted) => {
    const { alpha, beta } = await startHosts('alpha', 'beta')
    await openNursery(
      async (nursery) => {
        const placedOn = { modules, on: ['alpha', 'beta'] }
        const portals = [
          await nursery.startActor('home', { modules }),
          await nursery.startActor('first', placedOn),
          await nursery.startActor('second', placedOn),
        ]
        const before = await Promise.all(portals.map(async (portal) => await portal.run(whereAmI)))
        const [lost, left] = before[1]!.parent === alpha.pid ? [alpha, beta] : [beta, alpha]
        lost.kill('SIGKILL')
        const counts = (): Record<string, number> =>
          Object.fromEntries(nursery.report.children.map(({ name, restartCount }) => [name, restartCount]))
        await eventually('they are restarted', () => restarted.every((name) => counts()[name] === 1), 10_000)
        const after = await Promise.all(portals.map(async (portal) => await portal.run(whereAmI)))
        expect(after.map(({ parent }) => parent)).toEqual([process.pid, left.pid, left.pid])
        expect(after.map(({ name }) => name)).toEqual(['home', 'first', 'second'])
        expect(counts()).toEqual({ home: restarted.includes('home' as never) ? 1 : 0, first: 1, second: 1 })
        for (const [i, { pid }] of before.entries()) expect(isAlive(pid)).toBe(after[i]!.pid === pid)
        nursery.cancel()
      },
      { ...swift, strategy },
    )
  })
})

describe('a connection between owner and host that is lost', () => {
  test('for less than the bound changes nothing', async () => {
    const { alpha } = await startHosts('alpha')
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules, on: 'alpha' })
      const { pid } = await portal.run(whereAmI)
      for (let i = 0; i < 3; i++) {
        currentRuntime().host.drop(alpha.id, new Error('the test pulls the plug'), 200)
        await sleep(600)
        expect((await portal.run(whereAmI)).pid).toBe(pid)
      }
      nursery.cancel()
    })
  })

  test('for longer ends the actor on its host, and its owner gets ActorDied that says why', async () => {
    const { alpha } = await startHosts('alpha')
    let pid = 0
    const begun = performance.now()
    const error = (await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.startActor('walter', { modules, on: 'alpha' })
        ;({ pid } = await portal.run(whereAmI))
        currentRuntime().host.drop(alpha.id, new Error('the test pulls the plug'), 60_000)
        await sleep(600_000)
      }),
    )) as ActorDied
    expect(error).toBeInstanceOf(ActorDied)
    expect(error.message).toContain(`nothing was heard of its host alpha for ${lostAfterMs} ms`)
    expect(isAlive(pid)).toBe(false)
    expect(performance.now() - begun).toBeLessThan(deadline(lostAfterMs + lostEndMs(1_000) + 2_000))
  })

  test('because the host is frozen makes its owner give up alone, and the host ends the actor when it goes on', async () => {
    const { alpha } = await startHosts('alpha')
    let pid = 0
    const error = await failureOf(
      openNursery(async (nursery) => {
        const portal = await nursery.startActor('walter', { modules, on: 'alpha' })
        ;({ pid } = await portal.run(whereAmI))
        process.kill(alpha.pid, 'SIGSTOP')
        await sleep(600_000)
      }),
    )
    expect((error as Error).message).toContain('nothing was heard')
    process.kill(alpha.pid, 'SIGCONT')
    await eventuallyGone(pid, 4_000)
  })
})

describe('an owner', () => {
  const ownerProgram = new URL('./fixtures/owner-program.ts', import.meta.url)

  async function startOwner(): Promise<{ owner: Program; pid: number }> {
    const owner = await startProgram(ownerProgram, { args: ['alpha'] })
    const [, pid] = /^placed (\d+)/.exec(await owner.waitForLine(/^placed/)) ?? []
    return { owner, pid: Number(pid) }
  }

  test('that is killed is followed by its actors on other hosts', async () => {
    await startHosts('alpha')
    const { owner, pid } = await startOwner()
    expect(isAlive(pid)).toBe(true)
    owner.kill('SIGKILL')
    await eventuallyGone(pid)
  })

  test('that is frozen for longer than the bound has lost its actor when it goes on', async () => {
    const { alpha } = await startHosts('alpha')
    const { owner, pid } = await startOwner()
    process.kill(owner.pid, 'SIGSTOP')
    await eventuallyGone(pid, lostAfterMs + 3_000)
    await alpha.waitForLine(/was not heard for 3800 ms|counts as dead/)
    process.kill(owner.pid, 'SIGCONT')
    await owner.waitForLine(/ActorDied/)
    await owner.waitForExit()
  })

  test('that gives a spawn up at any moment leaves nothing behind', async () => {
    await startHosts('alpha')
    for (const ms of [0, 1, 3, 10, 30, 60, 100, 150]) {
      const { cancelled } = await moveOnAfter(ms, async () => {
        await openNursery(async (nursery) => {
          await nursery.startActor(`after ${ms}`, { modules, on: 'alpha' })
          await sleep(600_000)
        })
      })
      expect(cancelled).toBe(true)
    }
    await failAfter(deadline(3_000), async () => {
      while (members('greenroom:hosts').length === 0 || (await findActor('after 150')) !== undefined) await sleep(10)
    })
  })

  test('may be the host itself', async () => {
    await mesh.leave()
    mesh = await joinMesh({ mesh: 'placement', name: 'both', allowSpawn: true, logLevel: 'error' })
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules, on: 'both' })
      expect((await portal.run(whereAmI)).parent).toBe(process.pid)
      nursery.cancel()
    })
  })
})
