import { describe, test } from 'vitest'
import { chat, countWords, queueJobs, type Stage, visitGreeters } from '../examples/support/company.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import type { Program } from '../support/program.ts'
import { type Machines, startMachines } from './support/machines.ts'
import { whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const TEST_MS = 180_000

/** The first program opens the mesh; those on other hosts come by an invitation to it. */
function stageOn(machines: Machines, lose: (program: Program, host: number) => void): Stage {
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
    lose,
  }
}

describe.skipIf(reason !== undefined)(
  `the examples on hosts of their own${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    expectNothingLeft()
    const kill = (program: Program): void => program.kill('SIGKILL')

    test(
      'count words on three hosts',
      async () => {
        using machines = startMachines(3)
        await countWords(stageOn(machines, kill))
      },
      TEST_MS,
    )

    test(
      'chat between two hosts',
      async () => {
        using machines = startMachines(2)
        await chat(stageOn(machines, kill))
      },
      TEST_MS,
    )

    test(
      'go on with one host of a service when the link of the other goes down',
      async () => {
        using machines = startMachines(3)
        const pull = (_program: Program, host: number): void => machines.network.plug(machines.hosts[host]!, 'down')
        await visitGreeters(stageOn(machines, pull))
      },
      TEST_MS,
    )

    test(
      'lose no job with the host of the arbiter that hands them out',
      async () => {
        using machines = startMachines(3)
        await queueJobs(stageOn(machines, kill))
      },
      TEST_MS,
    )
  },
)
