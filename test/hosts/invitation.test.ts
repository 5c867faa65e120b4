import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { openOnly, whyNoFirewall } from './support/firewall.ts'
import { startMachines } from './support/machines.ts'
import { type Host, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const PORT = 4001
const mesh = ['--mesh', 'studio']

interface Member {
  readonly id: string
  readonly name: string
}

describe.skipIf(reason !== undefined)(`an invitation${reason === undefined ? '' : `: ${reason}`}`, () => {
  expectNothingLeft(10_000)

  test('joins a host with one line, and one open port, to the mesh of another, and no third one', async () => {
    using machines = startMachines(3)
    const [one, two, three] = machines.hosts as [Host, Host, Host]
    if (whyNoFirewall(one) === undefined) for (const host of [one, two]) openOnly(host, PORT)
    await machines.greenroom(one, 'up', ...mesh, '--name', 'rex', '--detach')
    const invitation = await machines.greenroom(one, 'invite', ...mesh, '--uses', '1')
    expect(invitation).toMatch(/^greenroom:\S+$/)
    expect(await machines.greenroom(two, 'join', invitation)).toContain("mesh 'studio'")
    await machines.greenroom(two, 'up', ...mesh, '--name', 'odeon', '--detach')
    for (const host of [one, two])
      await eventually('it sees both', async () => {
        const members = JSON.parse(await machines.greenroom(host, 'members', ...mesh, '--json')) as Member[]
        return JSON.stringify(members.map(({ name }) => name).toSorted()) === '["odeon","rex"]'
      })
    const refusal = await failureOf(machines.greenroom(three, 'join', invitation), 20_000)
    expect(String((refusal as { stderr?: unknown }).stderr)).toContain('it was used already')
    for (const host of [two, one]) await machines.greenroom(host, 'leave', ...mesh)
  }, 120_000)
})
