import type * as circuitRelay from '@libp2p/circuit-relay-v2'
import { serviceDependencies, start, stop, type Transport, transportSymbol } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { ipOf } from './own-interfaces.ts'

/** Members that one root relays for; one more of its own actors is reached from its own machine alone. */
export const MAX_RELAYED_ACTORS = 4_096
/** Connections that one root relays at a time, and that one actor has by its relay. */
export const MAX_RELAYED_CONNECTIONS = 4_096

const CIRCUIT = '/p2p-circuit'

type Package = typeof circuitRelay
type MakeTransport = ReturnType<Package['circuitRelayTransport']>
type Components = Parameters<MakeTransport>[0]

/** Whether an address leads through another actor. */
export function isRelayed(address: string): boolean {
  return address.includes(CIRCUIT)
}

/** Where to listen for what a relay passes on. @param relay an address of it that ends in its peer id */
export function relayedBy(relay: string): string {
  return `${relay}${CIRCUIT}`
}

/** Whether an address means something on other hosts as well. */
export function leadsOutside(address: string): boolean {
  return !/^\/(unix\/|ip4\/127\.|ip6\/::1\/|ip4\/169\.254\.|ip6\/fe80:|memory\/)/.test(address)
}

/** The address of a root at which the actors of its host reach it as their relay; none when it has no port. */
export function relayAddress(addresses: readonly string[]): string | undefined {
  const ports = addresses.filter((address) => address.includes('/tcp/') && !isRelayed(address))
  return ports.find((address) => !leadsOutside(address)) ?? ports[0]
}

/** The address of the relay by which a root is reached itself; actors below it are reached by the same one. */
export function outerRelay(addresses: readonly string[]): string | undefined {
  return relayIn(addresses.find(isRelayed) ?? '')
}

/** The address of the relay in one that leads through it. */
export function relayIn(address: string): string | undefined {
  return isRelayed(address) ? address.split(CIRCUIT)[0] : undefined
}

/**
 * Lets a root pass on connections to the actors of its host, whose own ports are closed to others: libp2p's circuit relay v2,
 * without the limits that it has for strangers. What passes is encrypted between its ends.
 */
export async function relayService(): Promise<ReturnType<Package['circuitRelayServer']>> {
  const { circuitRelayServer } = await load()
  const make = circuitRelayServer({
    reservations: { maxReservations: MAX_RELAYED_ACTORS, applyDefaultLimit: false },
    maxInboundHopStreams: MAX_RELAYED_CONNECTIONS,
    maxOutboundHopStreams: MAX_RELAYED_CONNECTIONS,
    maxOutboundStopStreams: MAX_RELAYED_CONNECTIONS,
  })
  return (components) => make(withoutSockets(components))
}

/** The package knows of relays at ports alone: an actor to which one names a unix socket as well does not start. */
function withoutSockets<C extends { readonly addressManager: { getAddresses(): Multiaddr[] } }>(components: C): C {
  const { addressManager } = components
  const ports = (): Multiaddr[] =>
    addressManager.getAddresses().filter((address) => address.toString().includes('/tcp/'))
  const narrowed = Object.create(addressManager, { getAddresses: { value: ports } }) as C['addressManager']
  return Object.create(components, { addressManager: { value: narrowed } }) as C
}

/** The transport of an actor that listens at a relay. */
export async function relayTransport(): Promise<MakeTransport> {
  const { circuitRelayTransport } = await load()
  return circuitRelayTransport({
    maxInboundStopStreams: MAX_RELAYED_CONNECTIONS,
    maxOutboundStopStreams: MAX_RELAYED_CONNECTIONS,
  })
}

/** The relays of an actor that listened at none when it started. */
export interface LazyRelay {
  readonly make: (components: Components) => Transport
  /** Lets it listen at relays as well. */
  readonly load: () => Promise<void>
}

/** A transport that is loaded when it is needed: most actors never reach another one by a relay, and the package is a large one. */
export function lazyRelay(): LazyRelay {
  let made: Transport | undefined
  let loading: Promise<Transport> | undefined
  let load = async (): Promise<Transport> => await Promise.reject(new Error('the actor has not started'))
  const loaded = async (): Promise<Transport> => await (loading ??= load())
  const make = (components: Components): Transport => {
    load = async () => {
      const transport = (await relayTransport())(components)
      await start(transport)
      made = transport
      return transport
    }
    return {
      [transportSymbol]: true,
      [serviceDependencies]: [],
      [Symbol.toStringTag]: 'greenroom/lazy-relay',
      dial: async (address, options) => await (await loaded()).dial(address, options),
      createListener: (options) => {
        if (made === undefined) throw new Error('an actor that listens at a relay says so when it starts')
        return made.createListener(options)
      },
      listenFilter: (addresses: Multiaddr[]) => made?.listenFilter(addresses) ?? [],
      dialFilter: (addresses: Multiaddr[]) => addresses.filter((address) => isRelayed(address.toString())),
      stop: async () => {
        if (loading !== undefined) await stop(await loading)
      },
    } as Transport & { stop(): Promise<void> }
  }
  return { make, load: async () => void (await loaded()) }
}

/** Whether a connection comes from the machine that this actor runs on. */
export function isOfThisMachine(address: string, own: ReadonlyMap<string, string>): boolean {
  return !isRelayed(address) && (!leadsOutside(address) || own.has(ipOf(address) ?? ''))
}

async function load(): Promise<Package> {
  return await import('@libp2p/circuit-relay-v2')
}
