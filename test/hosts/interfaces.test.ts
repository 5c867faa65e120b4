import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere } from './support/agreement.ts'
import { shareSecret, startMember } from './support/member.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const PORT = 4001
const BRIDGE = '172.17.0.1'
/** Nothing of a network of tests: libp2p alone would not tell it until strangers have reached it there. */
const PUBLIC = '52.0.0.7'

describe.skipIf(reason !== undefined)(
  `hosts with several interfaces${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    const runtime = useRuntimeDir()
    expectNothingLeft()

    test('tell all of them, bridges last, and meet although one address leads nowhere and another one to whoever dials', async () => {
      using network = makeNetwork(2)
      const [one, two] = network.hosts as [Host, Host]
      for (const host of network.hosts) network.addInterface(host, 'docker0', BRIDGE)
      network.addInterface(one, 'aaa0', PUBLIC)
      const [first, second] = network.hosts.map(({ number }) => join(runtime.path, `host${number}`)) as [string, string]
      for (const path of [first, second]) mkdirSync(path, { mode: 0o700 })
      shareSecret('hosts', [first, second], randomBytes(32))
      const common = { listen: [`/ip4/0.0.0.0/tcp/${PORT}`], profile: 'lan' as const }
      const a = await startMember({ ...common, name: 'a', host: one, runtimeDir: first })
      const ips = a.addresses.map((address) => address.split('/')[2] ?? '')
      expect(ips.slice(0, 2).toSorted()).toEqual([one.address, PUBLIC])
      expect(ips.slice(2)).toEqual([BRIDGE, '127.0.0.1'])
      // the worst order: nowhere, itself, itself, and the one that leads there
      const worst = [PUBLIC, BRIDGE, '127.0.0.1', one.address].map((ip) => `/ip4/${ip}/tcp/${PORT}/p2p/${a.id}`)
      const b = await startMember({ ...common, name: 'b', host: two, runtimeDir: second, join: worst })
      await expectAgreement([a, b], ['a', 'b'], 10_000)
      await expectFoundEverywhere([a, b], ['a', 'b'])
      for (const member of [b, a]) await member.leave()
    }, 60_000)
  },
)
