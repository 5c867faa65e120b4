import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Dialling, type InnerParts } from '../../node/dialling.ts'
import { BarredPeers } from '../../node/barred-peers.ts'
import { forgetGonePeers } from '../../node/gone-peers.ts'
import { eventually } from '../support/eventually.ts'

let nodes: Libp2p[] = []
beforeEach(async () => {
  nodes = await Promise.all(
    [0, 1, 2].map(
      async () =>
        await createLibp2p({
          addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
          transports: [tcp()],
          connectionEncrypters: [noise()],
          streamMuxers: [yamux()],
        }),
    ),
  )
})
afterEach(async () => await Promise.all(nodes.map(async (node) => await node.stop())))

async function known(node: Libp2p): Promise<string[]> {
  const all = await node.peerStore.all()
  return all.map(({ id }) => id.toString()).filter((id) => id !== node.peerId.toString())
}

test('a peer is forgotten when its last connection has closed, and those that are connected are kept', async () => {
  const [here, left, stays] = nodes as [Libp2p, Libp2p, Libp2p]
  forgetGonePeers(here)
  for (const peer of [left, stays]) await here.dial(peer.getMultiaddrs())
  expect((await known(here)).toSorted()).toEqual([left, stays].map(({ peerId }) => peerId.toString()).toSorted())
  await left.stop()
  await eventually('who has left is forgotten', async () => (await known(here)).join() === stays.peerId.toString())
})

test('so is one that could not be dialled', async () => {
  const [here, gone] = nodes as [Libp2p, Libp2p]
  const dialling = new Dialling(here, new BarredPeers(), {} as InnerParts)
  const addresses = gone.getMultiaddrs().map(String)
  await gone.stop()
  await expect(dialling.connect(gone.peerId.toString(), addresses.slice(0, 1))).rejects.toThrow('ECONNREFUSED')
  await eventually('nothing is kept of it', async () => (await known(here)).length === 0)
})
