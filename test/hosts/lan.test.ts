import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement, expectFoundEverywhere } from './support/agreement.ts'
import { eavesdrop } from './support/eavesdrop.ts'
import { shareSecret, startMember } from './support/member.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()
const PORT = 4001

describe.skipIf(reason !== undefined)(`a local network${reason === undefined ? '' : `: ${reason}`}`, () => {
  const runtime = useRuntimeDir()
  expectNothingLeft()

  test('lets roots with one secret find each other without an address, and tells outsiders that two machines announce something', async () => {
    using network = makeNetwork(3, 'switched')
    const [one, two, outside] = network.hosts as [Host, Host, Host]
    const [first, second, third] = network.hosts.map(({ number }) => join(runtime.path, `host${number}`)) as [
      string,
      string,
      string,
    ]
    for (const path of [first, second, third]) mkdirSync(path, { mode: 0o700 })
    const secret = randomBytes(32)
    shareSecret('hosts', [first, second], secret)
    shareSecret('hosts', [third], randomBytes(32))
    await using ear = await eavesdrop(outside)
    const common = { listen: [`/ip4/0.0.0.0/tcp/${PORT}`], also: { mdns: true } }
    const a = await startMember({ ...common, name: 'mirabelle', host: one, runtimeDir: first })
    const b = await startMember({ ...common, name: 'rambutan', host: two, runtimeDir: second })
    const stranger = await startMember({ ...common, name: 'stranger', host: outside, runtimeDir: third })
    await expectAgreement([a, b], ['mirabelle', 'rambutan'], 15_000)
    await expectFoundEverywhere([a, b], ['mirabelle', 'rambutan'])
    await eventually('each of them was heard', () =>
      [one, two].every(({ address }) => ear.heard.some(({ from }) => from === address)),
    )
    expect((await stranger.sight()).actors.map(({ name }) => name)).toEqual(['stranger'])
    const said = ear.heard.filter(({ from }) => from !== outside.address).map(({ bytes }) => bytes)
    const never = [
      secret,
      secret.toString('hex'),
      'hosts',
      'mirabelle',
      'rambutan',
      a.id,
      b.id,
      one.address,
      String(PORT),
    ]
    for (const word of never) expect(said.some((bytes) => bytes.includes(word))).toBe(false)
    // of one size, each under a name of its own: which ones are of one mesh, or of one root, they do not tell
    expect(new Set(said.map(({ length }) => length)).size).toBe(1)
    expect(new Set(said.map((bytes) => bytes.toString('hex', 12, 50))).size).toBe(said.length)
    for (const member of [stranger, b, a]) await member.leave()
  }, 90_000)
})
