import { describe, test } from 'vitest'
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
  },
)
