import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { type Machines, startMachines } from './support/machines.ts'
import { type Host, whyNoNetwork } from './support/network.ts'
import { record, whyNoRecording } from './support/recording.ts'

const reason = whyNoNetwork() ?? whyNoRecording()

/** What a fixture calls its mesh, names, functions, arguments, results, items, tags and claims. */
const NEVER_IN_CLEAR =
  /mirabelle|aubergine|rambutan|physalis|whisper|murmur|loquat|tamarillo|persimmon|quince|carambola|salak/
const IN_CLEAR = 'clementine-in-clear'

/** Says a word over a plain connection, as a control: what is in clear is found. */
async function sayInClear(machines: Machines, from: Host, to: Host): Promise<void> {
  const file = 'test/hosts/fixtures/in-clear.ts'
  await using listener = await machines.start(to, file, { args: [IN_CLEAR] })
  await listener.waitForLine('listening')
  await using speaker = await machines.start(from, file, { args: [IN_CLEAR, to.address] })
  for (const program of [speaker, listener]) expect(await program.waitForExit()).toEqual({ code: 0, signal: null })
}

describe.skipIf(reason !== undefined)(`a recording between hosts${reason === undefined ? '' : `: ${reason}`}`, () => {
  expectNothingLeft()

  test('of joining, calling, streaming and claiming has no name, argument, result or secret in it', async () => {
    using machines = startMachines(2)
    const [one, two] = machines.hosts as [Host, Host]
    const recording = await record(one, join(machines.directory, 'recorded.pcap'))
    const at = ({ address }: Host): string => `/ip4/${address}/tcp/4001`
    const file = 'test/hosts/fixtures/confidant.ts'
    await using server = await machines.start(one, file, { args: ['rambutan-name', at(one)] })
    await server.waitForLine('up')
    const invitation = await eventually('it invites', async () =>
      machines.greenroom(one, 'invite', '--mesh', 'mirabelle-mesh'),
    )
    const client = await machines.start(two, file, {
      args: ['aubergine-name', at(two)],
      env: { GREENROOM_JOIN: invitation },
    })
    expect({ ...(await client.waitForExit(40_000)), stderr: client.stderr }).toEqual({
      code: 0,
      signal: null,
      stderr: [],
    })
    expect(client.stdout.slice(0, 2)).toEqual(['persimmon-result-tamarillo-argument', '20'])
    await sayInClear(machines, two, one)
    const streams = await recording.stop()
    const all = Buffer.concat(streams)
    // what libp2p says in clear before it encrypts, and the control
    for (const known of ['/multistream/1.0.0', '/greenroom/noise/1', '/greenroom/door/1', IN_CLEAR])
      expect(all.includes(known)).toBe(true)
    expect(all.length).toBeGreaterThan(5_000)
    expect(NEVER_IN_CLEAR.exec(all.toString('latin1'))?.[0]).toBeUndefined()
    const secret = machines.secretOf(one, 'mirabelle-mesh')
    expect(secret).toHaveLength(32)
    for (const form of [secret, ...(['hex', 'base64', 'base64url'] as const).map((way) => secret.toString(way))])
      expect(all.includes(form)).toBe(false)
    // nor any part of the invitation that would open the door
    const inside = invitation.slice(invitation.indexOf(':') + 1)
    for (let part = 0; part + 16 <= inside.length; part += 16)
      expect(all.includes(inside.slice(part, part + 16))).toBe(false)
    expect(readFileSync(join(machines.directory, 'recorded.pcap')).includes(IN_CLEAR)).toBe(true)
  }, 120_000)
})
