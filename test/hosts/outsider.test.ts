import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { askForProtocols, forgedOffer, intrude, recordedOffer } from './support/intruder.ts'
import { shareSecret, startMember } from './support/member.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

/** DER-like beginning of an Ed25519 key as libp2p writes it, before its 32 bytes. */
const ED25519 = Buffer.from([0x08, 0x01, 0x12, 0x20])
const OF_THE_MESH = /hosts|member|first|second|donny|greenroom\/(?!door|noise)|meshsub|ipfs/

describe('somebody without the secret', () => {
  test('learns nothing of an open port; its peer id, and nothing of the mesh, by what a member has offered before', async () => {
    const directories = ['one', 'two'].map((name) => join(runtime.path, name)) as [string, string]
    for (const directory of directories) mkdirSync(directory, { mode: 0o700 })
    const secret = randomBytes(32)
    shareSecret('hosts', directories, secret)
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const first = await startMember({ name: 'first', runtimeDir: directories[0], listen, actors: ['donny'] })
    const second = await startMember({ name: 'second', runtimeDir: directories[1], join: first.addresses })
    const [, port = ''] = /\/tcp\/(\d+)/.exec(first.addresses.join()) ?? []

    const listed = (await askForProtocols(Number(port), '127.0.0.1')).toString('latin1')
    expect(listed.match(/\/[\w./-]+/g)).toEqual(['/multistream/1.0.0', '/greenroom/noise/1', '/greenroom/door/1'])

    const refused = await intrude(Number(port), '127.0.0.1', forgedOffer())
    expect(refused.opened.length).toBe(0)
    expect(refused.received.toString('latin1').match(/\/[\w./-]+/g)).toEqual([
      '/multistream/1.0.0',
      '/greenroom/noise/1',
    ])

    const { received, opened } = await intrude(Number(port), '127.0.0.1', recordedOffer(secret))
    const at = opened.indexOf(ED25519) + ED25519.length
    // it has read the right message: the key of the root is in it
    expect(peerIdFromPublicKey(publicKeyFromRaw(opened.subarray(at, at + 32))).toString()).toBe(first.id)
    for (const loot of [listed, opened.toString('latin1'), received.toString('latin1')])
      expect(OF_THE_MESH.exec(loot)?.[0]).toBeUndefined()
    expect(opened.toString('latin1').match(/\/[\w.-]+\/[\d.]+/g)).toEqual(['/yamux/1.0.0'])
    // after its half of the handshake nothing came any more: the negotiation, and one frame
    expect(received.length).toBeLessThan(300)

    await eventually('the first one sees all of the mesh, as before', async () => {
      const { actors } = await first.sight()
      return isDeepStrictEqual(actors.map(({ name }) => name).toSorted(), ['donny', 'first', 'second'])
    })
    for (const member of [second, first]) await member.leave()
  })
})
