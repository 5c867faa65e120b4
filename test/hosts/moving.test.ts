import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ADDRESS_CHECK_MS } from '../../discovery/address-changes.ts'
import { readInvitation } from '../../discovery/invitation.ts'
import { profiles } from '../../discovery/profile.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { within } from '../support/within.ts'
import { expectAgreement, expectFoundEverywhere } from './support/agreement.ts'
import { type Member, shareSecret, startMember } from './support/member.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const PORT = 4001
const { dialTimeout, dialFallback } = profiles.lan
const { lostRetry, suspicion } = profiles.loopback
/** Two looks at the interfaces, a dial by whoever of the two is to dial, and a look whether the former connection is deaf. */
const MOVED_MS = 2 * ADDRESS_CHECK_MS + dialFallback + 2 * dialTimeout
/** Both are gone for each other, and one looks a name up again. */
const MET_AGAIN_MS = suspicion.max + 3 * lostRetry

describe.skipIf(reason !== undefined)(`an address that changes${reason === undefined ? '' : `: ${reason}`}`, () => {
  const runtime = useRuntimeDir()
  expectNothingLeft()

  function directories(hosts: readonly Host[]): string[] {
    const paths = hosts.map(({ number }) => join(runtime.path, `host${number}`))
    for (const path of paths) mkdirSync(path, { mode: 0o700 })
    shareSecret('hosts', paths, randomBytes(32))
    return paths
  }

  test('ends what was under way over it, is told to everybody, and calls go on at the new one', async () => {
    using network = makeNetwork(3)
    const paths = directories(network.hosts)
    const members: Member[] = []
    for (const [i, host] of network.hosts.entries())
      members.push(
        await startMember({
          name: `h${host.number}`,
          profile: 'lan',
          host,
          runtimeDir: paths[i]!,
          listen: [`/ip4/0.0.0.0/tcp/${PORT}`],
          actors: [`actor${host.number}`],
          join: members[0]?.addresses ?? [],
        }),
      )
    const [a, b, c] = members as [Member, Member, Member]
    const names = ['h1', 'h2', 'h3', 'actor1', 'actor2', 'actor3']
    await expectAgreement(members, names, 10_000)
    await expectFoundEverywhere(members, names)
    const moving = network.hosts[1]!
    const before = moving.address
    const calls = [a.call('h2', 20_000), a.call('actor2', 20_000), b.call('h1', 20_000)]
    let undisturbed = true
    const between = c.call('h1', 60_000).finally(() => (undisturbed = false))
    between.catch(() => {})
    // they are under way
    await expectFoundEverywhere(members, names)
    network.readdress(moving)
    const ended = await within('calls from and to the host end', Promise.all(calls), MOVED_MS)
    expect(ended).toEqual(['ACTOR_DIED', 'ACTOR_DIED', 'ACTOR_DIED'])
    await eventually(
      'everybody is found and called again',
      async () => {
        await expectFoundEverywhere(members, names)
        return true
      },
      MOVED_MS,
    )
    await expectAgreement(members, names, 10_000)
    const { addresses } = readInvitation(await b.invite())
    expect(addresses).toEqual([`/ip4/${moving.address}/tcp/${PORT}/p2p/${b.id}`])
    expect(addresses.join()).not.toContain(before)
    // the call between the other two was not disturbed
    expect(undisturbed).toBe(true)
    for (const member of [c, b, a]) await member.leave()
  }, 60_000)

  test('of both ends at once is found again by a name', async () => {
    using network = makeNetwork(2)
    const [one, two] = network.hosts as [Host, Host]
    const [first, second] = directories(network.hosts) as [string, string]
    network.name(two, 'mesh.internal', [one.address])
    const listen = [`/ip4/0.0.0.0/tcp/${PORT}`]
    const a = await startMember({ name: 'a', host: one, runtimeDir: first, listen })
    const join = [`/dns4/mesh.internal/tcp/${PORT}`]
    const b = await startMember({ name: 'b', host: two, runtimeDir: second, listen, join })
    await expectAgreement([a, b], ['a', 'b'], 10_000)
    await expectFoundEverywhere([a, b], ['a', 'b'])
    for (const host of [one, two]) network.readdress(host)
    network.name(two, 'mesh.internal', [one.address])
    await eventually(
      'they call each other again',
      async () => {
        await expectFoundEverywhere([a, b], ['a', 'b'])
        return true
      },
      MET_AGAIN_MS,
    )
    for (const member of [b, a]) await member.leave()
  }, 60_000)
})
