import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import { ipOf, ownInterfaces } from '../node/own-interfaces.ts'
import { isRelayed, leadsOutside } from '../node/relay.ts'
import type { Discovery } from './discovery.ts'
import type { Observation } from './observation.ts'
import { recordLimits } from './record.ts'

/** Milliseconds between two looks at the addresses of this machine; one that two looks in a row miss, or that another one replaces, is gone. */
export const ADDRESS_CHECK_MS = 500

export interface AddressChangesOptions {
  readonly host: Pick<Host, 'addresses' | 'ends'>
  readonly discovery: Pick<Discovery, 'state' | 'onEvent'>
  /** Takes the addresses that this actor has from now on. */
  readonly onChange: (addresses: readonly string[]) => void
  /** For tests; default the system's. */
  readonly interfaces?: () => ReadonlyMap<string, string>
}

/**
 * Notices that this machine, or that of a peer, has other addresses than before.
 *
 * Nothing tells a socket that its address is gone: TCP would send into the void for a quarter of an hour. So connections from
 * addresses that are gone are aborted, those of this machine once it has been seen, those of others once they have signed it.
 */
export class AddressChanges {
  readonly #options: AddressChangesOptions
  readonly #stops: (() => void)[]
  readonly #log = areaLog('discovery')
  #known: ReadonlySet<string>
  #missing: ReadonlySet<string> = new Set()
  #told: readonly string[]

  /** @param told the addresses that others have been told */
  constructor(options: AddressChangesOptions, told: readonly string[]) {
    this.#options = options
    this.#told = told
    this.#known = this.#present()
    const timer = setInterval(() => this.check(), ADDRESS_CHECK_MS)
    timer.unref()
    const { host, discovery } = options
    this.#stops = [
      () => clearInterval(timer),
      host.ends.onListening(() => this.check()),
      host.ends.watchMoves(discovery.state.profile.dialTimeout),
      discovery.onEvent((event) => this.#hear(event)),
    ]
    this.check()
  }

  close(): void {
    for (const stop of this.#stops) stop()
  }

  /** Looks at the addresses of this machine. */
  check(): void {
    const present = this.#present()
    const missing = [...this.#known].filter((address) => !present.has(address))
    const hasNew = [...present].some((address) => !this.#known.has(address))
    // one address in place of another is a move; one that is merely missing may come back
    const gone = new Set(missing.filter((address) => hasNew || this.#missing.has(address)))
    const doubtful = missing.filter((address) => !gone.has(address))
    this.#known = new Set([...present, ...doubtful])
    this.#missing = new Set(doubtful)
    if (gone.size > 0) {
      const count = this.#options.host.ends.abortStranded(gone)
      this.#log.info(`this machine no longer has ${[...gone].join(', ')}: ${count} connections are ended`)
    }
    if (doubtful.length === 0) this.#tell()
  }

  #tell(): void {
    const { host, discovery, onChange } = this.#options
    const now = followRelays(host.addresses(), (peer) => discovery.state.registry.get(peer)?.addrs)
    if (now.length === this.#told.length && now.every((address, i) => address === this.#told[i])) return
    this.#log.info(`the addresses of this actor are ${now.join(', ')} now`)
    this.#told = now
    onChange(now)
  }

  #hear(event: Observation): void {
    if (event.type !== 'updated') return
    const { record, previous } = event
    if (record.addrs.length === previous.addrs.length && record.addrs.every((one, i) => one === previous.addrs[i]))
      return
    const left = ipsIn(record.addrs)
    const gone = new Set([...ipsIn(previous.addrs)].filter((ip) => !left.has(ip)))
    // of a record that is full the last ones may merely have found no room
    if (record.addrs.length < recordLimits.addrs) this.#options.host.ends.abortAt(record.peerId, gone)
    if (this.#told.some((address) => relayOf(address) === record.peerId)) this.#tell()
  }

  #present(): ReadonlySet<string> {
    const { interfaces = ownInterfaces } = this.#options
    return new Set(interfaces().keys())
  }
}

/** The peer id of the relay in an address that leads through one. */
function relayOf(address: string): string | undefined {
  return /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1]
}

/**
 * Replaces the addresses of relays in those of an actor by the ones that the relays have now: what a relay said of itself when a
 * place at it was reserved would stand for hours.
 */
export function followRelays(
  addresses: readonly string[],
  addressesOf: (peer: string) => readonly string[] | undefined,
): string[] {
  const all = addresses.flatMap((address) => {
    const relay = relayOf(address)
    const now =
      relay === undefined ? undefined : addressesOf(relay)?.filter((one) => leadsOutside(one) && !isRelayed(one))
    const [, end = ''] = address.split('/p2p-circuit')
    return now === undefined || now.length === 0 ? [address] : now.map((one) => `${one}/p2p-circuit${end}`)
  })
  return [...new Set(all)].slice(0, recordLimits.addrs)
}

function ipsIn(addresses: readonly string[]): ReadonlySet<string> {
  return new Set(addresses.filter(leadsOutside).flatMap((address) => ipOf(address) ?? []))
}
