import { describe, expect, test } from 'vitest'
import { profiles } from '../../discovery/profile.ts'
import { lostEndMs, placementTimes } from '../../nursery/placement/placement-times.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { isAlive } from '../support/process-watcher.ts'
import type { Program } from '../support/program.ts'
import { startMachines } from './support/machines.ts'
import { whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const { lostAfterMs } = placementTimes(profiles.loopback)
/** From the loss of a connection to the end of the actor on its host. */
const BOUND_MS = lostAfterMs + lostEndMs(1_000)

describe.skipIf(reason !== undefined)(`actors on other hosts${reason === undefined ? '' : `: ${reason}`}`, () => {
  expectNothingLeft()

  test('end when the link of their owner is lost, and are placed on another host when that of their host is', async () => {
    using machines = startMachines(3)
    const [home, alpha, beta] = machines.hosts
    const up = async (host: typeof home, name: string, ...more: string[]): Promise<Program> => {
      const args = ['up', '--mesh', 'hosts', '--name', name, '--profile', 'loopback', '--allow-spawn', ...more]
      const listen = ['--listen', `/ip4/${host!.address}/tcp/4001`]
      const root = await machines.start(host!, 'cli/index.ts', { args: [...args, ...listen] })
      await root.waitForLine(/starts actors for others/, 20_000)
      return root
    }
    const first = await up(alpha, 'alpha')
    const invitation = (await machines.greenroom(alpha!, 'invite', '--mesh', 'hosts', '--uses', '5'))
      .split('\n')
      .find((line) => line.startsWith('greenroom:'))!
    const second = await up(beta, 'beta', '--join', invitation)
    const env = { GREENROOM_JOIN: invitation }
    const owner = await machines.start(home!, 'test/hosts/fixtures/placing-program.ts', { args: [home!.address], env })
    const pidIn = (line: string): number => Number(/^mover (\d+)/.exec(line)?.[1])
    const placed = pidIn(await owner.waitForLine(/^mover/, 30_000))
    const lines = (): number[] => owner.stdout.filter((line) => line.startsWith('mover')).map(pidIn)

    // the host of the actor is cut off: it ends there, and comes up on the other one, in that order
    const lost = parentOf(owner) === first.pid ? alpha! : beta!
    const lostAt = performance.now()
    machines.network.plug(lost, 'down')
    await eventually('it is gone there', () => !isAlive(placed), BOUND_MS + 1_000)
    expect(performance.now() - lostAt).toBeLessThan(deadline(BOUND_MS + 1_000))
    await eventually('it is placed on the other host', () => lines().length === 2, BOUND_MS + 10_000)
    const moved = lines()[1]!
    expect(isAlive(moved)).toBe(true)

    // its owner is cut off: nobody can tell its host, which ends it alone
    machines.network.plug(home!, 'down')
    const cutAt = performance.now()
    await eventually('it is gone as well', () => !isAlive(moved), BOUND_MS + 1_000)
    expect(performance.now() - cutAt).toBeLessThan(deadline(BOUND_MS + 1_000))

    // and all goes on when the links are back
    machines.network.heal()
    await eventually('it is placed anew', () => lines().length === 3, 30_000)
    for (const root of [owner, first, second]) root.kill('SIGTERM')
    for (const root of [owner, first, second]) await root.waitForExit()
    await eventually('nothing of it is left', () => lines().every((pid) => !isAlive(pid)))
  })
})

function parentOf(owner: Program): number {
  const line = owner.stdout.find((one) => one.startsWith('mover')) ?? ''
  return Number(/below (\d+)/.exec(line)?.[1])
}
