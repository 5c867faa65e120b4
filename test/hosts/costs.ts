// What a mesh of real hosts costs when nothing happens, and when one more joins: `node test/hosts/costs.ts 8 16 32`, as root;
// with `lan` by the times of that profile.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expectAgreement } from './support/agreement.ts'
import { type Member, shareSecret, startMember } from './support/member.ts'
import { makeNetwork } from './support/network.ts'

/** Roots that start at the same time. */
const STARTING = 4
/** Milliseconds that a mesh has to come to rest, and for which it is watched then. */
const REST_MS = 10_000
const WATCH_MS = 20_000

const counts = process.argv
  .slice(2)
  .map(Number)
  .filter((count) => count > 0)
const profile = process.argv.includes('lan') ? 'lan' : 'loopback'
console.log(
  '| roots | messages /s | their bytes /s | bytes /s on the cable | packets /s | connections | dials of a joining root | and of the others |',
)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
for (const count of counts.length === 0 ? [8, 16, 32] : counts) console.log(`| ${(await measure(count)).join(' | ')} |`)

/** Means over the roots, each a host of its own. */
async function measure(count: number): Promise<string[]> {
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
  const aSecond = (what: (i: number) => number): string =>
    (mean(names.map((_, i) => what(i))) / (WATCH_MS / 1_000)).toFixed(1)
  const dials = trafficAfter.map((traffic, i) => traffic.dials - dialsBefore[i]!)
  return [
    String(count),
    aSecond((i) => after[i]!.talk.messages - before[i]!.talk.messages),
    aSecond((i) => after[i]!.talk.bytes - before[i]!.talk.bytes),
    aSecond((i) => trafficAfter[i]!.sentBytes - trafficBefore[i]!.sentBytes),
    aSecond((i) => trafficAfter[i]!.sentPackets - trafficBefore[i]!.sentPackets),
    mean(trafficAfter.map(({ connections }) => connections)).toFixed(1),
    String(dials.at(-1)),
    String(dials.slice(0, -1).reduce((sum, one) => sum + one, 0)),
  ]
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
