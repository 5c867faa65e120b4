import { randomBytes } from 'node:crypto'
import type { MulticastDNS, ResponsePacket } from 'multicast-dns'
import { describeError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import type { MeshSecrets } from '../node/mesh-secrets.ts'
import { leadsOutside } from '../node/relay.ts'
import type { Discovery } from './discovery.ts'
import { openAnnouncement, sealAnnouncement, type LanAnnouncement } from './lan-announcement.ts'

/** Milliseconds between two announcements on the local network, with jitter of half of that. */
export const LAN_ANNOUNCE_MS = 10_000
/** Announcements of the local network that are opened in a second; more are passed over. */
export const MAX_LAN_READS = 64
/** The service of multicast DNS; a libp2p node that looks for others asks for it as well. */
const SERVICE = '_p2p._udp.local'
/** Bytes of one string of a TXT record (RFC 1035). */
const TXT_BYTES = 255
const NAME_BYTES = 16

export interface LanWatchOptions {
  readonly host: Pick<Host, 'connect' | 'isConnected' | 'peerId'>
  readonly discovery: Pick<Discovery, 'hint' | 'state' | 'self'>
  readonly secrets: MeshSecrets
  /** For tests; default that of multicast DNS, 5353. */
  readonly port?: number
}

/**
 * Finds roots of the mesh on the local network by multicast DNS, and is found by them. What is announced is sealed with the secret
 * of the mesh, under a name that is another one each time: outsiders see that a machine announces something.
 */
export class LanWatch {
  readonly #options: LanWatchOptions
  readonly #mdns: MulticastDNS
  readonly #closing = new AbortController()
  readonly #log = areaLog('discovery')
  readonly #closed = Promise.withResolvers<void>()
  #timer: NodeJS.Timeout | undefined
  #second = 0
  #reads = 0

  private constructor(options: LanWatchOptions, mdns: MulticastDNS) {
    this.#options = options
    this.#mdns = mdns
    this.#mdns.on('response', (packet) => this.#hear(packet))
    // without a network nobody is announced to; it is tried again
    this.#mdns.on('warning', (error) => this.#log.debug(`multicast DNS: ${describeError(error)}`))
    this.#mdns.on('error', (error) =>
      this.#log.warn(`nobody is found on the local network, multicast DNS does not work: ${describeError(error)}`),
    )
    this.#mdns.once('ready', () => this.#announce())
  }

  static async open(options: LanWatchOptions): Promise<LanWatch> {
    // few look around, and whatever is imported at the top is loaded by every actor
    const { default: multicastDns } = await import('multicast-dns')
    return new LanWatch(options, multicastDns(options.port === undefined ? {} : { port: options.port }))
  }

  /** Tells the local network anew where this root is. */
  moved(): void {
    if (this.#timer !== undefined) this.#announce()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    if (!this.#closing.signal.aborted) this.#mdns.destroy(this.#closed.resolve)
    this.#closing.abort(new Error('the actor ends'))
    await this.#closed.promise
  }

  #announce(): void {
    clearTimeout(this.#timer)
    if (this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => this.#announce(), LAN_ANNOUNCE_MS * (0.5 + Math.random()))
    this.#timer.unref()
    const { discovery, host, secrets } = this.#options
    const addrs = discovery.self.addresses.filter(leadsOutside)
    if (addrs.length === 0) return
    const sealed = sealAnnouncement({ peerId: host.peerId, addrs }, secrets.newest)
    const name = `${randomBytes(NAME_BYTES).toString('hex')}.${SERVICE}`
    const data: Buffer[] = []
    for (let at = 0; at < sealed.length; at += TXT_BYTES) data.push(sealed.subarray(at, at + TXT_BYTES))
    this.#mdns.respond([{ name, type: 'TXT', ttl: 0, data }])
  }

  #hear({ answers = [] }: ResponsePacket): void {
    for (const answer of answers) {
      if (answer.type !== 'TXT' || !answer.name.endsWith(`.${SERVICE}`) || !Array.isArray(answer.data)) continue
      if (!this.#mayRead()) return
      const sealed = Buffer.concat(answer.data.map((part) => Buffer.from(part)))
      for (const { secret } of this.#options.secrets.valid()) {
        const announcement = openAnnouncement(sealed, secret)
        if (announcement === undefined) continue
        void this.#meet(announcement)
        break
      }
    }
  }

  #mayRead(): boolean {
    const second = Math.floor(performance.now() / 1_000)
    if (second !== this.#second) this.#reads = 0
    this.#second = second
    return ++this.#reads <= MAX_LAN_READS
  }

  async #meet({ peerId, addrs }: LanAnnouncement): Promise<void> {
    const { discovery, host } = this.#options
    const { registry, links, profile } = discovery.state
    if (peerId === host.peerId || links.has(peerId)) return
    // a root that is known is dialled where it was; now it may be elsewhere
    if (registry.get(peerId) !== undefined && !host.isConnected(peerId)) {
      const signal = AbortSignal.any([AbortSignal.timeout(profile.dialTimeout), this.#closing.signal])
      await host.connect(peerId, addrs, signal).catch((error: unknown) => {
        this.#log.debug(`a root of the local network was not reached: ${describeError(error)}`)
      })
    }
    if (!this.#closing.signal.aborted) discovery.hint([{ peerId, addrs, eager: true }])
  }
}
