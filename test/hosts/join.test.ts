import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere } from './support/agreement.ts'
import { shareSecret, startMember } from './support/member.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

/** As if they were on machines of their own: what they know of each other they know by address. */
function directories(count: number): string[] {
  const paths = Array.from({ length: count }, (_, i) => join(runtime.path, `machine${i}`))
  for (const path of paths) mkdirSync(path, { mode: 0o700 })
  return paths
}

test('roots without a common directory meet by an address and the secret, and find everybody’s actors', async () => {
  const [one, two, three] = directories(3) as [string, string, string]
  shareSecret('hosts', [one, two, three], randomBytes(32))
  const first = await startMember({ name: 'first', runtimeDir: one, actors: ['a'] })
  const second = await startMember({ name: 'second', runtimeDir: two, actors: ['b'], join: first.addresses })
  // it knows of the second one only; the list may name more, and even the one that reads it
  const third = await startMember({ name: 'third', runtimeDir: three, join: second.addresses })
  const names = ['first', 'second', 'third', 'a', 'b']
  await expectAgreement([first, second, third], names, 10_000)
  await expectFoundEverywhere([first, second, third], names)
  for (const member of [third, second, first]) await member.leave()
})

test('a root that was named but is not up yet is met when it comes', async () => {
  const [one, two] = directories(2) as [string, string]
  shareSecret('hosts', [one, two], randomBytes(32))
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const before = await startMember({ name: 'late', runtimeDir: one, identity: 'kept', listen })
  const [address = ''] = before.addresses
  await before.leave()
  const early = await startMember({ name: 'early', runtimeDir: two, join: [address] })
  expect((await early.sight()).actors.map(({ name }) => name)).toEqual(['early'])
  const [, port = ''] = /\/tcp\/(\d+)/.exec(address) ?? []
  const late = await startMember({
    name: 'late',
    runtimeDir: one,
    identity: 'kept',
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
  })
  await expectAgreement([early, late], ['early', 'late'], 15_000)
  for (const member of [late, early]) await member.leave()
})

test('a root with another secret is met by nobody', async () => {
  const [one, two] = directories(2) as [string, string]
  const first = await startMember({ name: 'first', runtimeDir: one })
  const stranger = await startMember({ name: 'stranger', runtimeDir: two, join: first.addresses })
  await eventually('it has given up', async () => (await stranger.sight()).arbiter?.id === stranger.id)
  expect((await first.sight()).actors).toHaveLength(1)
  expect((await stranger.sight()).actors).toHaveLength(1)
  for (const member of [stranger, first]) await member.leave()
})
