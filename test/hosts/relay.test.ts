import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere } from './support/agreement.ts'
import { shareSecret, startMember } from './support/member.ts'
import { openOnly, whyNoFirewall } from './support/firewall.ts'
import { knock } from './support/knock.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const PORT = 4001

describe.skipIf(reason !== undefined)(`actors of other hosts${reason === undefined ? '' : `: ${reason}`}`, () => {
  const runtime = useRuntimeDir()
  expectNothingLeft()

  function directories(hosts: readonly Host[]): string[] {
    const paths = hosts.map(({ number }) => join(runtime.path, `host${number}`))
    for (const path of paths) mkdirSync(path, { mode: 0o700 })
    shareSecret('hosts', paths, randomBytes(32))
    return paths
  }

  test.for(['process', 'thread'] as const)(
    'are found and called although the root has the only open port of its host (%s)',
    async (startMethod, { skip }) => {
      using network = makeNetwork(2)
      const [one, two] = network.hosts as [Host, Host]
      const noFirewall = whyNoFirewall(one)
      if (noFirewall !== undefined) skip(noFirewall)
      for (const host of network.hosts) openOnly(host, PORT)
      // nobody listens there yet: a refusal comes back from the open port, and nothing from the others
      expect([knock(one, two.address, PORT), knock(one, two.address, PORT + 1)]).toEqual(['ECONNREFUSED', 'silence'])
      const [first, second] = directories(network.hosts) as [string, string]
      const listen = (host: Host): string[] => [`/ip4/${host.address}/tcp/${PORT}`]
      const a = await startMember({
        name: 'a',
        runtimeDir: first,
        host: one,
        listen: listen(one),
        actors: ['donny'],
        startMethod,
      })
      const b = await startMember({
        name: 'b',
        runtimeDir: second,
        host: two,
        listen: listen(two),
        actors: ['gretchen'],
        startMethod,
        join: a.addresses,
      })
      const names = ['a', 'b', 'donny', 'gretchen']
      await expectAgreement([a, b], names, 10_000)
      await expectFoundEverywhere([a, b], names)
      // all of it came over the one port of each host
      expect(one.traffic().connections).toBeLessThanOrEqual(2 * 2 + 2)
      await b.leave()
      await a.leave()
    },
  )
})
