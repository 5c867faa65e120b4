// What a mesh of real hosts costs when nothing happens, and when one more joins: `node test/hosts/costs.ts 8 16 32`, as root;
// with `lan` by the times of that profile, with `simulated` without the real ones.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expectAgreement } from './support/agreement.ts'
import { type Member, shareSecret, startMember } from './support/member.ts'
import { makeNetwork } from './support/network.ts'
import { type Costs, simulatedCosts } from './support/simulated-costs.ts'

/** Roots that start at the same time. */
const STARTING = 4
/** Milliseconds that a mesh has to come to rest, and for which it is watched then. */
const REST_MS = 10_000
const WATCH_MS = 20_000

const args = process.argv.slice(2)
const counts = args.map(Number).filter((count) => count > 0)
const profile = args.includes('lan') ? 'lan' : 'loopback'
const onlySimulated = args.includes('simulated')

console.log(
  '| roots | | messages /s | their bytes /s | links | dials of a joining root | and of the others | on the cable: bytes /s | packets /s | connections |',
)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
for (const count of counts.length === 0 ? [8, 16, 32] : counts) {
  const simulated = simulatedCosts(count, profile, REST_MS, WATCH_MS)
  console.log(row(count, 'simulated', simulated, ['', '', '']))
  if (onlySimulated) continue
  const { costs, cable } = await measure(count)
  console.log(row(count, 'real', costs, cable))
}

function row(count: number, kind: string, costs: Costs, cable: readonly string[]): string {
  const { messages, bytes, links, joinersDials, othersDials } = costs
  const numbers = [messages.toFixed(1), bytes.toFixed(0), links.toFixed(1), joinersDials, othersDials]
  return `| ${[count, `${kind}, ${profile}`, ...numbers, ...cable].join(' | ')} |`
}

/** Means over the roots, each a host of its own. */
async function measure(count: number): Promise<{ costs: Costs; cable: readonly string[] }> {
  await using stack = new AsyncDisposableStack()
  const network = stack.use(makeNetwork(count))
  const runtimeDir = mkdtempSync(join(tmpdir(), 'greenroom-costs-'))
  stack.defer(() => rmSync(runtimeDir, { recursive: true, force: true }))
  const directories = network.hosts.map(({ number }) => join(runtimeDir, `host${number}`))
  for (const directory of directories) mkdirSync(directory, { mode: 0o700 })
  shareSecret('hosts', directories, randomBytes(32))
  const members: Member[] = []
  stack.defer(async () => void (await Promise.all(members.map((member) => member.leave()))))
  const start = async (i: number): Promise<void> => {
    const host = network.hosts[i]!
    const seeds = members[0]?.addresses ?? []
    members.push(
      await startMember({ name: `h${host.number}`, host, runtimeDir: directories[i]!, join: seeds, profile }),
    )
  }
  await start(0)
  for (let i = 1; i < count - 1; i += STARTING)
    await Promise.all(Array.from({ length: Math.min(STARTING, count - 1 - i) }, (_, k) => start(i + k)))
  await delay(REST_MS)
  const dialsBefore = network.hosts.map((host) => host.traffic().dials)
  await start(count - 1)
  const names = members.map(({ name }) => name)
  await expectAgreement(members, names, 30_000)
  await delay(REST_MS)
  const before = await Promise.all(members.map((member) => member.sight()))
  const trafficBefore = network.hosts.map((host) => host.traffic())
  await delay(WATCH_MS)
  const trafficAfter = network.hosts.map((host) => host.traffic())
  const after = await Promise.all(members.map((member) => member.sight()))
  const perSecond = (what: (i: number) => number): number => mean(names.map((_, i) => what(i))) / (WATCH_MS / 1_000)
  const dials = trafficAfter.map((traffic, i) => traffic.dials - dialsBefore[i]!)
  return {
    costs: {
      messages: perSecond((i) => after[i]!.talk.messages - before[i]!.talk.messages),
      bytes: perSecond((i) => after[i]!.talk.bytes - before[i]!.talk.bytes),
      links: mean(after.map(({ neighbours }) => neighbours)),
      joinersDials: dials.at(-1)!,
      othersDials: dials.slice(0, -1).reduce((sum, one) => sum + one, 0),
    },
    cable: [
      perSecond((i) => trafficAfter[i]!.sentBytes - trafficBefore[i]!.sentBytes).toFixed(0),
      perSecond((i) => trafficAfter[i]!.sentPackets - trafficBefore[i]!.sentPackets).toFixed(1),
      mean(trafficAfter.map(({ connections }) => connections)).toFixed(1),
    ],
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
