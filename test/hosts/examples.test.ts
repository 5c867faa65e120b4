import { describe, expect, test } from 'vitest'
import { chat, countWords, queueJobs, type Stage, visitGreeters } from '../examples/support/company.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { type Machines, startMachines } from './support/machines.ts'
import { whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const TEST_MS = 180_000

/**
 * The first program opens the mesh; those on other hosts come by an invitation to it. A host that is lost has its cable pulled:
 * nothing comes back from it, and what runs on it goes on.
 */
function stageOn(machines: Machines): Stage {
  let invitation: string | undefined
  return {
    start: async (example, args, at) => {
      const host = machines.hosts[at]!
      if (at > 0)
        invitation ??= await eventually('the first host invites', async () =>
          machines.greenroom(machines.hosts[0]!, 'invite', '--mesh', example),
        )
      return await machines.start(host, `examples/${example}.ts`, {
        args: [...args, '--listen', `/ip4/${host.address}/tcp/0`],
        env: at === 0 ? {} : { GREENROOM_JOIN: invitation },
      })
    },
    lose: (_program, at) => machines.network.plug(machines.hosts[at]!, 'down'),
  }
}

describe.skipIf(reason !== undefined)(
  `the examples on hosts of their own${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    expectNothingLeft()

    test.each([
      ['count words on three hosts', countWords],
      ['chat between two hosts', chat],
      ['go on with one host of a service when the link of the other goes down', visitGreeters],
      ['lose no job when the link of the arbiter that hands them out goes down', queueJobs],
    ])(
      '%s',
      async (_title, play) => {
        using machines = startMachines(3)
        await play(stageOn(machines))
      },
      TEST_MS,
    )

    test(
      'stand behind one name as web services on two hosts, each healthy, until one leaves in order',
      async () => {
        using machines = startMachines(2)
        const stage = stageOn(machines)
        const services = [await stage.start('service', ['service', '8080'], 0)]
        await services[0]!.waitForLine('listening on')
        services.push(await stage.start('service', ['service', '8080'], 1))
        await services[1]!.waitForLine('listening on')
        const health = (at: number): unknown => JSON.parse(machines.fetch(machines.hosts[at]!, ':8080/health'))
        for (const at of [0, 1])
          await eventually('it is healthy', () => (health(at) as { instances: number }).instances === 2, 20_000)
        machines.fetch(machines.hosts[0]!, ':8080/')
        expect(JSON.parse(machines.fetch(machines.hosts[1]!, ':8080/visits'))).toEqual({
          instances: expect.arrayContaining([0, 1]) as number[],
        })
        services[1]!.kill('SIGTERM')
        expect(await services[1]!.waitForExit()).toEqual({ code: 0, signal: null })
        await eventually('the other one goes on alone', () => (health(0) as { instances: number }).instances === 1)
        services[0]!.kill('SIGTERM')
        expect(await services[0]!.waitForExit()).toEqual({ code: 0, signal: null })
        for (const { stderr } of services) expect(stderr).toEqual([])
      },
      TEST_MS,
    )
  },
)
