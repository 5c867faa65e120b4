import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere, namesIn } from './support/agreement.ts'
import { type Member, shareSecret, startMember } from './support/member.ts'
import { startNameServer } from './support/name-server.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const NAME = 'mesh.internal'
const PORT = 4001

describe.skipIf(reason !== undefined)(
  `a name with an address for each host${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    const runtime = useRuntimeDir()
    expectNothingLeft()

    test('is asked for again and again: who was cut off meets whoever is there by then, without a restart', async () => {
      using network = makeNetwork(4)
      const [server, one, two, three] = network.hosts as [Host, Host, Host, Host]
      await using names = await startNameServer(server)
      const secret = randomBytes(32)
      const start = async (host: Host, name: string): Promise<Member> => {
        const runtimeDir = join(runtime.path, name)
        mkdirSync(runtimeDir, { mode: 0o700 })
        shareSecret('hosts', [runtimeDir], secret)
        network.askForNames(host, server)
        const listen = [`/ip4/${host.address}/tcp/${PORT}`]
        return await startMember({ name, host, runtimeDir, listen, join: [`/dns4/${NAME}/tcp/${PORT}`] })
      }
      // the name is not there yet
      const first = await start(one, 'first')
      await names.lead(NAME, [one.address])
      const second = await start(two, 'second')
      await expectAgreement([first, second], ['first', 'second'], 20_000)

      // the first one is gone without a word; another one comes up in its place, at another address, whom nobody knows
      network.plug(one, 'down')
      await names.lead(NAME, [])
      await eventually('it is known to be gone', async () => namesIn(await second.sight()) === 'second', 20_000)
      // nor does the name server answer for a while
      network.plug(server, 'down')
      const third = await start(three, 'third')
      await names.lead(NAME, [three.address])
      const before = await names.asked()
      network.heal()
      network.plug(one, 'down')
      await expectAgreement([second, third], ['second', 'third'], 30_000)
      expect(await names.asked()).toBeGreaterThan(before)

      // the cable is in again: one mesh, wherever the name leads
      await names.lead(NAME, [two.address, three.address])
      network.heal()
      await expectAgreement([first, second, third], ['first', 'second', 'third'], 30_000)
      await expectFoundEverywhere([first, second, third], ['first', 'second', 'third'])
      for (const member of [third, second, first]) await member.leave()
    }, 180_000)
  },
)
