import type { Host } from './host.ts'
import { describeError } from './errors.ts'
import { areaLog } from './log.ts'
import { leadsOutside } from './relay.ts'

/** Relays at which one actor keeps places. */
export const MAX_RELAYS = 2
/** Milliseconds between two attempts to get a place at a relay, doubled up to {@link MAX_RELAY_RETRY_MS}, with jitter. */
export const RELAY_RETRY_MS = 1_000
export const MAX_RELAY_RETRY_MS = 60_000
/** Milliseconds that one relay has to give a place. */
const ASK_MS = 5_000

/** A root that may pass on connections. */
export interface Relay {
  readonly peerId: string
  readonly addrs: readonly string[]
}

/** Keeps places at relays, by which an actor behind a router is reached: one that is lost is asked for again. */
export class RelayPlaces {
  /** Resolves when all relays have been asked once; never rejects. */
  readonly first: Promise<void>
  readonly #host: Pick<Host, 'addresses' | 'ends' | 'listenAt' | 'reach' | 'peerId'>
  readonly #relays: readonly Relay[]
  readonly #log = areaLog('discovery')
  readonly #closing = new AbortController()
  readonly #unlink: () => void
  #timer: NodeJS.Timeout | undefined
  #pause = RELAY_RETRY_MS
  #asking = false

  constructor(host: Pick<Host, 'addresses' | 'ends' | 'listenAt' | 'reach' | 'peerId'>, relays: readonly Relay[]) {
    this.#host = host
    this.#relays = relays.filter(({ peerId }) => peerId !== host.peerId)
    this.#unlink = host.ends.onListening(() => {
      if (!this.#asking && this.#places().size < this.#wanted) this.#later()
    })
    this.first = this.#ask()
  }

  close(): void {
    this.#closing.abort(new Error('the actor ends'))
    this.#unlink()
    clearTimeout(this.#timer)
  }

  get #wanted(): number {
    return Math.min(MAX_RELAYS, this.#relays.length)
  }

  async #ask(): Promise<void> {
    this.#asking = true
    for (const { peerId, addrs } of this.#relays) {
      const places = this.#places()
      if (places.size >= MAX_RELAYS || this.#closing.signal.aborted) break
      if (places.has(peerId)) continue
      const outside = addrs.find(leadsOutside) ?? addrs[0]
      if (outside === undefined) continue
      try {
        const signal = AbortSignal.any([AbortSignal.timeout(ASK_MS), this.#closing.signal])
        await this.#host.reach(peerId, addrs, signal)
        await this.#host.listenAt(/\/p2p\/[^/]+$/.test(outside) ? outside : `${outside}/p2p/${peerId}`)
        this.#pause = RELAY_RETRY_MS
      } catch (error) {
        this.#log.info(`${peerId.slice(-8)} relays for this actor no connections: ${describeError(error)}`)
      }
    }
    this.#asking = false
    if (this.#places().size < this.#wanted) this.#later()
  }

  #later(): void {
    if (this.#closing.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(), this.#pause * (0.5 + Math.random()))
    this.#timer.unref()
    this.#pause = Math.min(this.#pause * 2, MAX_RELAY_RETRY_MS)
  }

  /** Peer ids of the relays where it has a place. */
  #places(): ReadonlySet<string> {
    return new Set(this.#host.addresses().flatMap((address) => /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1] ?? []))
  }
}
