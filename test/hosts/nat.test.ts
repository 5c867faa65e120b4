import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readInvitation } from '../../discovery/invitation.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere } from './support/agreement.ts'
import { translate, whyNoFirewall } from './support/firewall.ts'
import { knock } from './support/knock.ts'
import { type Member, shareSecret, startMember } from './support/member.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const PORT = 4001

/** At how many relays it is reached, as an invitation by it says. */
async function placesOf(member: Member): Promise<number> {
  const { addresses } = readInvitation(await member.invite())
  return addresses.filter((address) => !address.endsWith(member.id)).length
}

describe.skipIf(reason !== undefined)(`hosts behind routers${reason === undefined ? '' : `: ${reason}`}`, () => {
  const runtime = useRuntimeDir()
  expectNothingLeft()

  test('are found and called, with their actors, over a member that relays, and by nobody through one that does not', async ({
    skip,
  }) => {
    using network = makeNetwork(4)
    const [open, relay, one, two] = network.hosts as [Host, Host, Host, Host]
    const noFirewall = whyNoFirewall(open)
    if (noFirewall !== undefined) skip(noFirewall)
    const paths = network.hosts.map(({ number }) => join(runtime.path, `host${number}`))
    for (const path of paths) mkdirSync(path, { mode: 0o700 })
    shareSecret('hosts', paths, randomBytes(32))
    for (const host of [one, two]) translate(network, host)
    expect([knock(one, relay.address), knock(relay, one.address), knock(two, one.address)]).toEqual([
      'ECONNREFUSED',
      'silence',
      'silence',
    ])
    const listen = [`/ip4/0.0.0.0/tcp/${PORT}`]
    const at = (index: number) => ({
      host: network.hosts[index]!,
      runtimeDir: paths[index]!,
      listen,
      profile: 'lan' as const,
    })
    const a = await startMember({ ...at(0), name: 'a' })
    const startRelay = async (): Promise<Member> =>
      await startMember({ ...at(1), name: 'r', identity: 'kept', join: a.addresses, also: { relay: 'offer' } })
    const r = await startRelay()
    // the one of the two that offers nothing is asked as well
    const inside = { join: [...a.addresses, ...r.addresses], also: { relay: 'use' } }
    const b = await startMember({ ...at(2), ...inside, name: 'b', actors: ['donny'] })
    const c = await startMember({ ...at(3), ...inside, name: 'c', actors: ['gretchen'], startMethod: 'process' })
    const names = ['a', 'r', 'b', 'c', 'donny', 'gretchen']
    await expectAgreement([a, r, b, c], names, 20_000)
    await expectFoundEverywhere([a, r, b, c], names)
    // it has a place at the one that offers it, whose door lets strangers in, and at no other
    const { addresses } = readInvitation(await b.invite())
    expect(addresses).toEqual([
      `/ip4/${one.address}/tcp/${PORT}/p2p/${b.id}`,
      `/ip4/${relay.address}/tcp/${PORT}/p2p/${r.id}`,
    ])
    // a relay that starts again is asked again
    await r.kill()
    await eventually('its place is lost', async () => (await placesOf(b)) === 0)
    const again = await startRelay()
    await eventually('it has its place again', async () => (await placesOf(b)) === 1, 20_000)
    for (const member of [c, b, again, a]) await member.leave()
  }, 120_000)
})
