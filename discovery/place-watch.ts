import { lookup } from 'node:dns/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { describeError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import type { Discovery } from './discovery.ts'

/** Addresses of one name that are dialled; a service with more is joined by some of its roots. */
export const MAX_PLACE_ADDRESSES = 64
/** Dials of them at the same time. */
const DIALS = 4

/** Gives the addresses of a name: 0 for those of both families. */
type Resolve = (name: string, family: 0 | 4 | 6) => Promise<readonly { address: string; family: number }[]>

export interface PlaceWatchOptions {
  readonly host: Pick<Host, 'meet' | 'peerId'>
  readonly discovery: Pick<Discovery, 'hint' | 'state'>
  /** Multiaddrs without peer ids. */
  readonly places: readonly string[]
  /** For tests; default the system's. */
  readonly resolve?: Resolve
}

/**
 * Looks for roots at names and addresses, again and again with jitter, whoever they are: the addresses behind a name change, and
 * a headless service has one for each of its instances. Whoever finishes a handshake there knows the secret of the mesh.
 */
export class PlaceWatch {
  /** Resolves when all places have been looked at once; never rejects. */
  readonly first: Promise<void>
  readonly #options: PlaceWatchOptions
  readonly #closing = new AbortController()
  readonly #log = areaLog('discovery')
  /** By address: who was there last. */
  readonly #met = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: PlaceWatchOptions) {
    this.#options = options
    this.first = this.#round()
  }

  close(): void {
    this.#closing.abort(new Error('the actor ends'))
    clearTimeout(this.#timer)
  }

  async #round(): Promise<void> {
    const { places, discovery } = this.#options
    const found = new Set((await Promise.all(places.map((place) => this.#resolve(place)))).flat())
    for (const address of this.#met.keys()) if (!found.has(address)) this.#met.delete(address)
    const wanted = [...found].filter((address) => !this.#isKnown(address))
    const work = async (): Promise<void> => {
      for (let address = wanted.pop(); address !== undefined; address = wanted.pop()) await this.#meet(address)
    }
    await Promise.all(Array.from({ length: DIALS }, work))
    if (this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => void this.#round(), discovery.state.profile.lostRetry * (0.5 + Math.random()))
    this.#timer.unref()
  }

  /** Whether a root of the mesh is there, or this one itself. */
  #isKnown(address: string): boolean {
    const peer = this.#met.get(address)
    if (peer === this.#options.host.peerId) return true
    return peer !== undefined && this.#options.discovery.state.registry.get(peer) !== undefined
  }

  async #meet(address: string): Promise<void> {
    const { host, discovery } = this.#options
    const { dialTimeout } = discovery.state.profile
    const signal = AbortSignal.any([AbortSignal.timeout(dialTimeout), this.#closing.signal])
    try {
      const peerId = await host.meet(address, signal)
      this.#met.set(address, peerId)
      if (peerId !== host.peerId) discovery.hint([{ peerId, addrs: [address], eager: true }])
    } catch (error) {
      // libp2p does not connect a host with itself
      if (error instanceof Error && /dial self/i.test(error.message)) this.#met.set(address, host.peerId)
      else this.#log.debug(`nobody of the mesh was met at ${address}: ${describeError(error)}`)
    }
  }

  async #resolve(place: string): Promise<string[]> {
    const [host, port] = multiaddr(place).getComponents()
    if (host === undefined || port === undefined) return []
    if (host.name === 'ip4' || host.name === 'ip6') return [place]
    const family = host.name === 'dns4' ? 4 : host.name === 'dns6' ? 6 : 0
    try {
      const { resolve = bySystem } = this.#options
      const addresses = await resolve(host.value ?? '', family)
      return addresses.slice(0, MAX_PLACE_ADDRESSES).map((one) => `/ip${one.family}/${one.address}/tcp/${port.value}`)
    } catch (error) {
      this.#log.warn(`${place} leads nowhere at the moment: ${describeError(error)}`)
      return []
    }
  }
}

const bySystem: Resolve = async (name, family) => await lookup(name, { all: true, family })
