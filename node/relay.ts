import type * as circuitRelay from '@libp2p/circuit-relay-v2'
import { serviceDependencies, start, stop, type Transport, transportSymbol } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Actors that one root relays for; one more is reached from its own machine alone. */
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

/** The transport of an actor that only dials: most never reach another one by a relay, and the package is a large one. */
export function relayDialer(): (components: Components) => Transport {
  return (components) => {
    let loading: Promise<Transport> | undefined
    const transport = async (): Promise<Transport> => {
      const made = (await relayTransport())(components)
      await start(made)
      return made
    }
    return {
      [transportSymbol]: true,
      [serviceDependencies]: [],
      [Symbol.toStringTag]: 'greenroom/relay-dialer',
      dial: async (address, options) => await (await (loading ??= transport())).dial(address, options),
      createListener: () => {
        throw new Error('an actor that listens at a relay says so when it starts')
      },
      listenFilter: () => [],
      dialFilter: (addresses: Multiaddr[]) => addresses.filter((address) => isRelayed(address.toString())),
      stop: async () => {
        if (loading !== undefined) await stop(await loading)
      },
    } as Transport & { stop(): Promise<void> }
  }
}

async function load(): Promise<Package> {
  return await import('@libp2p/circuit-relay-v2')
}
