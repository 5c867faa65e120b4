// The floor of a host that comes: a process that starts, dials one libp2p node at its address, echoes once, and tells when that was
// answered. Without an address it is the node.
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { monotonic } from '../mesh-talk.ts'
import { ARGUMENT } from '../subject.ts'

const PROTOCOL = '/greenroom-bench/dial-once/1'
const [listen = '', address] = process.argv.slice(2)

const node: Libp2p = await createLibp2p({
  addresses: { listen: [listen] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
})

if (address === undefined) {
  await node.handle(PROTOCOL, (stream) => {
    stream.addEventListener('message', ({ data }) => stream.send(data.subarray()))
  })
  process.once('disconnect', () => process.exit())
  process.send?.({ address: String(node.getMultiaddrs()[0]) })
} else {
  const stream = await node.dialProtocol(multiaddr(address), PROTOCOL)
  stream.addEventListener('message', () => {
    process.send?.({ at: monotonic() }, () => process.exit())
  })
  stream.send(new TextEncoder().encode(ARGUMENT))
}
