import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { ARGUMENT, IDLE_MS } from '../subject.ts'
import { playFloor } from './floor.ts'
import { type ByteWire, FrameLink, type Link } from './link.ts'
import { FloorSubject, servePeer } from './peer.ts'

const PROTOCOL = '/greenroom-bench/floor/1'
const MAX_STREAMS = 2_560
const DAY_MS = 24 * 60 * 60 * 1_000

/** libp2p as its packages come, over loopback TCP, with the windows and limits of node/host.ts and no services. */
async function startNode(): Promise<Libp2p> {
  return await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp({ inboundSocketInactivityTimeout: DAY_MS, outboundSocketInactivityTimeout: DAY_MS })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_STREAMS,
        maxOutboundStreams: MAX_STREAMS,
        streamOptions: {
          maxStreamWindowSize: 1024 * 1024,
          maxReadBufferLength: 4 * 1024 * 1024,
          inactivityTimeout: DAY_MS,
        },
      }),
    ],
    connectionManager: { inboundConnectionThreshold: Number.POSITIVE_INFINITY, reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
  })
}

async function startServer(onLink: (link: Link) => void): Promise<{ node: Libp2p; address: string }> {
  const node = await startNode()
  await node.handle(PROTOCOL, (stream) => onLink(new FrameLink(streamWire(stream))))
  return { node, address: String(node.getMultiaddrs()[0]) }
}

function streamWire(stream: Stream): ByteWire {
  const wire: ByteWire = { write: (bytes) => stream.send(bytes), onData: undefined, onDrain: undefined }
  stream.addEventListener('message', (event) => wire.onData?.(event.data.subarray()))
  stream.addEventListener('drain', () => wire.onDrain?.())
  return wire
}

async function openLink(node: Libp2p, address: string): Promise<Link> {
  return new FrameLink(streamWire(await node.dialProtocol(multiaddr(address), PROTOCOL)))
}

/** A process of its own that dials a first node, as an actor has dialled its parent, and then measures a second one. */
async function callCold(addresses: readonly string[]): Promise<void> {
  const node = await startNode()
  let ms = 0
  for (const address of addresses) {
    if (ms > 0) await new Promise((resolve) => void setTimeout(resolve, IDLE_MS))
    const start = performance.now()
    const link = await openLink(node, address)
    await new FloorSubject(link, link).echo(ARGUMENT)
    ms = performance.now() - start
  }
  process.send?.(ms, () => process.exit(0))
}

async function cold(addresses: readonly string[]): Promise<number> {
  const caller = fork(import.meta.filename, ['cold', ...addresses], { execArgv: [] })
  const exited = once(caller, 'exit')
  const [ms] = (await Promise.race([once(caller, 'message'), exited.then(() => [])])) as [number | undefined]
  if (ms === undefined) throw new Error('the process that was to make a cold call ended')
  await exited
  return ms
}

if (process.argv[2] === 'cold') {
  process.once('disconnect', () => process.exit(0))
  await callCold(process.argv.slice(3))
} else {
  await playFloor<string>(import.meta.filename, {
    listen: async (onLink) => (await startServer(onLink)).address,
    connect: async (address) => {
      const { node, address: own } = await startServer(servePeer)
      return {
        calls: await openLink(node, address),
        data: await openLink(node, address),
        extras: { cold: () => cold([own, address]) },
        close: () => node.stop(),
      }
    },
  })
}
