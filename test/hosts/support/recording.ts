import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { within } from '../../support/within.ts'
import type { Host } from './network.ts'

/** Why traffic cannot be recorded here; undefined when it can. */
export function whyNoRecording(): string | undefined {
  const { error } = spawnSync('tcpdump', ['--version'])
  return error === undefined ? undefined : `tcpdump is not there (${error.message})`
}

/** What passes the network of a host, as it is on the cable. */
export interface Recording {
  /** Ends it; gives the bytes of each direction of each connection, as they were sent. */
  stop(): Promise<Buffer[]>
}

/** Records all that comes to a host, or leaves it. @param file where tcpdump writes */
export async function record(host: Host, file: string): Promise<Recording> {
  const [ip = '', ...inHost] = host.command
  const options = ['-i', 'eth0', '-s', '0', '-U', '--immediate-mode', '-Z', 'root', '-w', file]
  const tcpdump = spawn(ip, [...inHost, 'tcpdump', ...options, 'tcp'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(tcpdump, 'exit')
  let said = ''
  const listening = Promise.withResolvers<void>()
  tcpdump.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString()
    if (said.includes('listening on')) listening.resolve()
  })
  void exited.then(() => listening.reject(new Error(`tcpdump ended: ${said}`)))
  await within('tcpdump listens', listening.promise, 10_000)
  return {
    stop: async () => {
      tcpdump.kill('SIGINT')
      await within('the end of tcpdump', exited)
      if (!/^0 packets dropped by kernel$/m.test(said)) throw new Error(`it has missed packets: ${said}`)
      return streamsIn(readFileSync(file))
    },
  }
}

/** Of a file of libpcap, link type Ethernet, whose packets are IPv4: each direction of each connection, put together. */
function streamsIn(pcap: Buffer): Buffer[] {
  if (pcap.readUInt32LE(0) !== 0xa1b2c3d4 || pcap.readUInt32LE(20) !== 1) throw new Error('this is no such recording')
  const streams = new Map<string, Map<number, Buffer>>()
  for (let at = 24; at + 16 <= pcap.length;) {
    const length = pcap.readUInt32LE(at + 8)
    addPacket(streams, pcap.subarray(at + 16, at + 16 + length))
    at += 16 + length
  }
  return [...streams.values()].map(inOrder)
}

function addPacket(streams: Map<string, Map<number, Buffer>>, frame: Buffer): void {
  const packet = frame.subarray(14)
  if (frame.readUInt16BE(12) !== 0x0800 || packet[9] !== 6) return
  const segment = packet.subarray((packet[0]! & 15) * 4, packet.readUInt16BE(2))
  const payload = segment.subarray((segment[12]! >> 4) * 4)
  if (payload.length === 0) return
  const ends = packet.subarray(12, 20).toString('hex') + segment.subarray(0, 4).toString('hex')
  const pieces = streams.get(ends) ?? new Map<number, Buffer>()
  streams.set(ends, pieces)
  const sequence = segment.readUInt32BE(4)
  // of what was sent again, the longest
  if ((pieces.get(sequence)?.length ?? 0) < payload.length) pieces.set(sequence, payload)
}

/** By sequence number, which may pass 2^32 on the way. */
function inOrder(pieces: ReadonlyMap<number, Buffer>): Buffer {
  const [first = 0] = pieces.keys()
  const offset = (sequence: number): number => (sequence - first + 2 ** 32 + 2 ** 31) % 2 ** 32
  const sorted = [...pieces].toSorted(([a], [b]) => offset(a) - offset(b))
  return Buffer.concat(sorted.map(([, payload]) => payload))
}
