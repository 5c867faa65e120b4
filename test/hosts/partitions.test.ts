import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { profiles } from '../../discovery/profile.ts'
import { seeded } from '../simulator/rng.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere, namesIn } from './support/agreement.ts'
import { Laws } from './support/laws.ts'
import { type Member, shareSecret, startMember } from './support/member.ts'
import { makeNetwork, type Host, type Network, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()

/** Milliseconds within which hosts that are cut off are known to be gone, and within which a healed mesh is one again. */
const APART_MS = 10_000
const HEALED_MS = 20_000
/** Milliseconds within which one that hears nobody has given up all others: twice the longest suspicion, and a round. */
const ALONE_MS = 2 * profiles.loopback.suspicion.max + profiles.loopback.suspicion.min + 5_000
/** Milliseconds for which a fault lasts that nobody may take for a death, or that comes and goes. */
const FAULT_MS = 8_000
const TEST_MS = 180_000

interface Hosts extends AsyncDisposable {
  readonly network: Network
  readonly members: readonly Member[]
  readonly names: readonly string[]
}

/** Roots `h1`… on hosts of their own, each with its own runtime directory; all but the first join by the first one's address. */
async function startHosts(count: number, runtimeDir: string, quorum?: readonly string[]): Promise<Hosts> {
  await using stack = new AsyncDisposableStack()
  const network = stack.use(makeNetwork(count))
  const directories = network.hosts.map(({ number }) => join(runtimeDir, `host${number}`))
  for (const directory of directories) mkdirSync(directory, { mode: 0o700 })
  shareSecret('hosts', directories, randomBytes(32))
  const members: Member[] = []
  stack.defer(async () => {
    await Promise.all(members.map((member) => member.leave()))
  })
  for (const [i, host] of network.hosts.entries()) {
    const name = `h${host.number}`
    const seeds = members[0]?.addresses ?? []
    members.push(await startMember({ name, host, runtimeDir: directories[i]!, join: seeds, quorum }))
  }
  const names = members.map(({ name }) => name)
  await expectAgreement(members, names, 10_000)
  const owned = stack.move()
  return { network, members, names, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

async function expectHealed({ network, members, names }: Hosts): Promise<void> {
  network.heal()
  await expectAgreement(members, names, HEALED_MS)
  await expectFoundEverywhere(members, names)
}

/** Asks again and again, for as long as something goes on, and gives what was seen other than this. */
async function strangeSights(
  of: readonly Member[],
  names: readonly string[],
  during: Promise<void>,
): Promise<string[]> {
  const strange: string[] = []
  let over = false
  const ended = during.finally(() => (over = true))
  while (!over) {
    for (const sight of await Promise.all(of.map((member) => member.sight())))
      if (!names.every((name) => sight.actors.some((actor) => actor.name === name))) strange.push(namesIn(sight))
    await delay(100)
  }
  await ended
  return strange
}

describe.skipIf(reason !== undefined)(`hosts${reason === undefined ? '' : `: ${reason}`}`, () => {
  const runtime = useRuntimeDir()
  expectNothingLeft()

  test(
    'have an arbiter in each half when they are cut two from three, and one when they are healed',
    async () => {
      await using hosts = await startHosts(5, runtime.path)
      const { network, members } = hosts
      network.split(network.hosts.slice(0, 2), network.hosts.slice(2))
      await Promise.all([
        expectAgreement(members.slice(0, 2), ['h1', 'h2'], APART_MS),
        expectAgreement(members.slice(2), ['h3', 'h4', 'h5'], APART_MS),
      ])
      await expectHealed(hosts)
    },
    TEST_MS,
  )

  test(
    'have an arbiter only where a majority of the declared electors is when they are cut two from three',
    async () => {
      await using hosts = await startHosts(5, runtime.path, ['h1', 'h2', 'h3', 'h4', 'h5'])
      const { network, members } = hosts
      const laws = new Laws({ dead: Infinity, frozen: Infinity, deadArbiter: Infinity })
      for (const member of members) laws.add(member)
      network.split(network.hosts.slice(0, 2), network.hosts.slice(2))
      await Promise.all([
        expectAgreement(members.slice(0, 2), ['h1', 'h2'], APART_MS, 'none'),
        expectAgreement(members.slice(2), ['h3', 'h4', 'h5'], APART_MS),
      ])
      // who has no arbiter finds those that are left all the same
      await expectFoundEverywhere(members.slice(0, 2), ['h1', 'h2'])
      await expectHealed(hosts)
      laws.checkReigns()
      expect(laws.broken).toEqual([])
    },
    TEST_MS,
  )

  test(
    'go on without one that hears nobody until it hears again',
    async () => {
      await using hosts = await startHosts(5, runtime.path)
      const { network, members } = hosts
      const [deaf, ...others] = network.hosts.toReversed() as [Host, ...Host[]]
      for (const other of others) network.cut(other, deaf)
      await expectAgreement(members.slice(0, 4), ['h1', 'h2', 'h3', 'h4'], APART_MS)
      // it distrusts itself first, and gives all others up at one moment
      await expectAgreement(members.slice(4), ['h5'], ALONE_MS)
      await expectHealed(hosts)
    },
    TEST_MS,
  )

  test(
    'end calls to a host that is called dead, and keep no connection to it that carries nothing',
    async () => {
      await using hosts = await startHosts(3, runtime.path)
      const { network, members } = hosts
      const [one, two] = members as [Member, Member, Member]
      await expectFoundEverywhere([one], ['h2', 'h3'])
      const call = one.call('h3', 2 * APART_MS)
      await two.find('h1')
      network.split(network.hosts.slice(0, 2), network.hosts.slice(2))
      expect(await call).toBe('ACTOR_DIED')
      // what TCP has to send to the other side it would send again for a quarter of an hour, ever more seldom
      await eventually('only the connection of the two is left', () =>
        network.hosts.slice(0, 2).every((host) => host.traffic().connections === 1),
      )
      await expectHealed(hosts)
    },
    TEST_MS,
  )

  test(
    'take nobody for dead while two cannot reach each other one way and the others reach both',
    async () => {
      await using hosts = await startHosts(5, runtime.path)
      const { network, members, names } = hosts
      network.cut(network.hosts[1]!, network.hosts[3]!)
      expect(await strangeSights(members, names, delay(FAULT_MS))).toEqual([])
      await expectHealed(hosts)
    },
    TEST_MS,
  )

  test(
    'know each other all the time while the cable of one is pulled and put back, and know that one in the end',
    async () => {
      await using hosts = await startHosts(5, runtime.path)
      const { network, members, names } = hosts
      const random = seeded(7)
      const before = (await members[0]!.sight()).arbiter!.term
      const flapping = async (): Promise<void> => {
        const end = performance.now() + FAULT_MS
        while (performance.now() < end) {
          network.plug(network.hosts[3]!, 'down')
          await delay(200 + random() * 1_500)
          network.plug(network.hosts[3]!, 'up')
          await delay(200 + random() * 1_500)
        }
      }
      const steady = names.filter((name) => name !== 'h4')
      const fine = members.filter(({ name }) => name !== 'h4')
      expect(await strangeSights(fine, steady, flapping())).toEqual([])
      await expectHealed(hosts)
      const { term } = (await members[0]!.sight()).arbiter!
      expect(term - before).toBeLessThan(deadline(10))
    },
    TEST_MS,
  )
})
